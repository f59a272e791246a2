// Bundles three.js for the pages of `s2m view`: s2m/view/assets/three.js, its licence at the top.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const licence = readFileSync("node_modules/three/LICENSE", "utf8").trim();
const { version } = JSON.parse(readFileSync("node_modules/three/package.json", "utf8"));

await build({
  entryPoints: ["entry.js"],
  outfile: "../../s2m/view/assets/three.js",
  bundle: true,
  minify: true,
  charset: "ascii",
  format: "iife",
  globalName: "THREE",
  legalComments: "none",
  banner: { js: `/* three.js ${version}, parts that the pages of Skeleton2Mesh use.\n\n${licence.replace("©", "(c)")}\n*/` },
});
