// Writes the bundle that the report embeds, and the licence of what is in it. `npm ci && npm run build`.
import { build } from "esbuild";
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
writeFileSync(process.argv[2] ?? new URL("model3d.js", to), text);
if (!process.argv[2]) writeFileSync(new URL("model3d.LICENSE.txt", to), `model3d.js contains three.js ${version}.\n\n${licence}`);
console.log(`${(text.length / 1000).toFixed(0)} kB`);
