// Writes the bundle that the report embeds, the licence of what is in it, and the digests of what it was made from, by
// which a machine without npm can tell that the bundle belongs to its sources. `npm ci && npm run build`.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const to = new URL("../src/flrsim/report/templates/", import.meta.url);
const version = JSON.parse(readFileSync(new URL("node_modules/three/package.json", import.meta.url))).version;
const licence = readFileSync(new URL("node_modules/three/LICENSE", import.meta.url), "utf8");
const result = await build({
  entryPoints: [new URL("main.js", import.meta.url).pathname],
  bundle: true, minify: true, format: "iife", target: "es2022", write: false, legalComments: "none",
  banner: { js: `/* flrsim report, with three.js ${version}, MIT licence, copyright three.js authors: see model3d.LICENSE.txt */` },
});
// Inside a page nothing may look like the end of its script.
const text = result.outputFiles[0].text.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
if (process.argv[2]) writeFileSync(process.argv[2], text);
else {
  writeFileSync(new URL("model3d.js", to), text);
  writeFileSync(new URL("model3d.LICENSE.txt", to), `model3d.js contains three.js ${version}.\n\n${licence}`);
  const sha256 = (content) => createHash("sha256").update(content).digest("hex");
  const sources = ["build.mjs", "main.js", "package-lock.json", "package.json"];
  const built = Object.fromEntries(sources.map((name) => [name, sha256(readFileSync(new URL(name, import.meta.url)))]));
  writeFileSync(new URL("built.json", import.meta.url), `${JSON.stringify({ ...built, "model3d.js": sha256(text) }, null, 2)}\n`);
}
console.log(`${(text.length / 1000).toFixed(0)} kB`);
