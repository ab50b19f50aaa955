'use strict';

// A server on port 8080: / greets, /echo gives JSON back, /later answers from a timer, SIGTERM lets running requests finish.
const express = require('express');

const app = express();
app.use(express.json());

app.get('/', (request, response) => {
  response.type('text/plain').send('Hello from Node\n');
});

app.post('/echo', (request, response) => {
  response.json({ youSent: request.body });
});

app.get('/later', (request, response) => {
  setTimeout(() => response.type('text/plain').send('done\n'), 50);
});

const server = app.listen(8080, '0.0.0.0', () => {
  console.log('listening on port 8080');
});

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
