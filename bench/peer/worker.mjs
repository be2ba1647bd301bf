// Worker of the replaced stack: typing, the template reply, the post to the helpdesk, the event.
import { Agent, request } from 'node:http';
import { Worker } from 'bullmq';
import Redis from 'ioredis';
import { Emitter } from '@socket.io/redis-emitter';

const redis = () => new Redis({ path: process.env.REDIS_SOCKET, maxRetriesPerRequest: null });
const emitter = new Emitter(redis());
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const port = Number(process.env.HELPDESK_PORT);

function post(path, value) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(value);
    const sent = request({ agent, host: '127.0.0.1', port, path, method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), api_access_token: 'bench' } },
    (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error('status ' + answer.statusCode))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

new Worker('replies', async (job) => {
  const { channel, account, conversation, content } = job.data;
  const base = `/api/v1/accounts/${account}/conversations/${conversation}`;
  emitter.to(channel).emit('typing:start', { actor: 'ai' });
  const reply = `Thanks! You wrote: "${content}"`;
  await post(`${base}/messages`, { content: reply, message_type: 'outgoing' });
  emitter.to(channel).emit('message:ai', { messageId: job.id, content: reply, timestamp: Date.now() });
  emitter.to(channel).emit('typing:stop', { actor: 'ai' });
}, { connection: redis(), concurrency: 50 });
console.log('ready');
