// Receiver and gateway of the replaced stack: verifies the webhook, shows the customer's message,
// queues the job, and carries the events to browsers over Socket.IO.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { Queue } from 'bullmq';
import Redis from 'ioredis';
import { Server } from 'socket.io';
import { createAdapter } from '@socket.io/redis-adapter';

const socketPath = process.env.REDIS_SOCKET;
const secret = process.env.SECRET;
const redis = () => new Redis({ path: socketPath, maxRetriesPerRequest: null });
const queue = new Queue('replies', { connection: redis() });
const store = redis();

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const body = Buffer.concat(chunks);
    const expected = Buffer.from(
      'sha256=' + createHmac('sha256', secret).update(request.headers['x-chatwoot-timestamp'] + '.').update(body).digest('hex'));
    const given = Buffer.from(request.headers['x-chatwoot-signature'] ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      response.writeHead(401).end();
      return;
    }
    const event = JSON.parse(body);
    const fresh = await store.set('seen:' + event.event + ':' + event.id, '1', 'EX', 86400, 'NX');
    if (fresh !== 'OK') {
      response.writeHead(200).end();
      return;
    }
    const channel = 'conversation:' + event.conversation.id;
    await queue.add('reply', { channel, account: event.account.id, conversation: event.conversation.id, content: event.content },
      { removeOnComplete: 1000, attempts: 8, backoff: { type: 'exponential', delay: 1000 } });
    io.to(channel).emit('message:user', { messageId: String(event.id), content: event.content, timestamp: Date.now() });
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"duplicate":false}');
  });
});
const publisher = redis();
const io = new Server(server, { transports: ['websocket'], adapter: createAdapter(publisher, publisher.duplicate()) });
io.on('connection', (socket) => {
  socket.on('subscribe', (channel, done) => {
    socket.join(channel);
    done?.('ok');
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
