// The floor of bench/serving/random-forest.ts: node:http that parses the request's JSON and answers without a model. `node bare.ts PORT`.
import { createServer } from 'node:http'

const ANSWER = JSON.stringify({
  model_name: 'forest',
  model_version: '1',
  outputs: [
    { name: 'label', datatype: 'INT64', shape: [1], data: [1] },
    { name: 'probabilities', datatype: 'FP32', shape: [1, 2], data: [0.07000000029802322, 0.9300000071525574] },
  ],
})

createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    if (request.method === 'POST') JSON.parse(Buffer.concat(parts).toString())
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(ANSWER)) })
    response.end(ANSWER)
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
