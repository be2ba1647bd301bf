// The peer of the fan-out: npm `ws`, each text from anybody to everybody, framed once.

import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket._socket.setNoDelay(true);
  socket.on('message', (data) => {
    for (const client of server.clients) if (client !== socket) client.send(data, { binary: false });
  });
});
server.on('listening', () => console.log(`listening on ${server.address().port}`));
