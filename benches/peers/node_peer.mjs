// Times JSON.parse: `node node_peer.mjs FILE SECONDS`. One JSON line: {"peer": NAME, "seconds": [...], "error": null}.
import { readFileSync } from "node:fs";

const [file, seconds] = process.argv.slice(2);
const bytes = readFileSync(file);
const end = performance.now() + Number(seconds) * 1000;
const times = [];
JSON.parse(bytes.toString());
while (times.length < 3 || performance.now() < end) {
  const begun = performance.now();
  const bundle = JSON.parse(bytes.toString());
  times.push((performance.now() - begun) / 1000);
  if (bundle.resourceType !== "Bundle") throw new Error("not a bundle");
}
console.log(JSON.stringify({ peer: "node JSON.parse", seconds: times, error: null }));
