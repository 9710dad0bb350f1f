// Answers every GET with where it runs; SIGTERM and SIGINT end it.
"use strict";

const http = require("node:http");
const os = require("node:os");

const port = Number(process.env.PORT ?? 3000);

const server = http.createServer((request, response) => {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end();
    return;
  }
  const body = JSON.stringify({ host: os.hostname(), path: request.url, uid: process.getuid() }) + "\n";
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => process.exit(0));
}
server.listen(port, () => console.log(`listening on port ${port}`));
