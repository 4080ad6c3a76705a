// The interactive picture of a plan: stage buttons, what is visible, the patient's axes. One canvas at a time.
import {
  AmbientLight, Box3, Color, DirectionalLight, DoubleSide, LineBasicMaterial, Matrix4, MeshStandardMaterial,
  OrthographicCamera, Scene, Sphere, Vector3, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

// The patient's left, up and front are x, y and z of the geometry.
const AXES = { L: [1, 0, 0], R: [-1, 0, 0], S: [0, 1, 0], I: [0, -1, 0], A: [0, 0, 1], P: [0, 0, -1] };
const VIEWS = { "Reset: front": [[0, 0, 1], [0, 1, 0]], "Below": [[0, -1, 0], [0, 0, 1]] };
const GROUPS = { liver: "Liver", lesion: "Lesions", vessel: "Vessels" };
const TURN = Math.PI / 24;
let open = null;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function button(text, act) {
  const made = element("button", { type: "button", textContent: text });
  made.addEventListener("click", act);
  return made;
}

async function geometry(id) {
  const text = document.getElementById(id).textContent.trim();
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(stream).arrayBuffer();
  const { scene } = await new GLTFLoader().parseAsync(bytes, "");
  return scene;
}

class Model {
  constructor(holder) {
    this.holder = holder;
    this.number = holder.dataset.model;
    this.stages = JSON.parse(document.getElementById(`states-${this.number}`).textContent);
    this.stage = 0;
    this.hidden = new Set();
    this.marks = [];
    this.place = element("div", { className: "place3d" });
    this.start = button("Show in 3D", () => this.show());
    holder.append(this.start, this.place);
    holder.hidden = false;
  }

  async show() {
    open?.close();
    open = this;
    this.start.disabled = true;
    try {
      await this.build();
      this.start.hidden = true;
      this.canvas.focus({ preventScroll: true });
    } catch (error) {
      this.close();
      this.place.replaceChildren(element("p", { textContent:
        `This browser cannot draw in 3D (${error.message}); the pictures above show the same.` }));
    }
    this.start.disabled = false;
  }

  async build() {
    const name = this.holder.dataset.name;
    this.canvas = element("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${name} in 3D; arrow keys turn, plus and minus zoom, numbers choose the stage`);
    this.caption = element("p", { className: "hint" });
    this.caption.setAttribute("aria-live", "polite");
    this.legend = element("ul", { className: "legend" });
    this.stageButtons = this.stages.map((stage, n) => button(stage.title, () => this.choose(n)));
    this.groupButtons = Object.entries(GROUPS).map(([key, word]) => {
      const made = button(word, () => {
        this.hidden.has(key) ? this.hidden.delete(key) : this.hidden.add(key);
        this.choose(this.stage);
      });
      made.dataset.group = key;
      return made;
    });
    const views = Object.keys(VIEWS).map((word) => button(word, () => this.look(word)));
    const bar = (label, ...made) => {
      const row = element("div", { className: "controls" }, ...made);
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", label);
      return row;
    };
    this.letters = Object.keys(AXES).map((letter) => element("span", { className: "axis", textContent: letter }));
    this.place.replaceChildren(
      bar("Stage", ...this.stageButtons),
      bar("Visible", ...this.groupButtons, ...views, button("Close 3D", () => this.close())),
      element("div", { className: "stage3d" }, this.canvas, ...this.letters),
      this.legend,
      this.caption,
    );
    this.renderer = new WebGLRenderer({ canvas: this.canvas, antialias: true, alpha: true });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.scene = new Scene();
    this.scene.add(new AmbientLight(0xffffff, 1.1));
    this.camera = new OrthographicCamera();
    const lamp = new DirectionalLight(0xffffff, 2.1);
    lamp.position.set(0.4, 0.6, 1);
    this.camera.add(lamp);
    this.scene.add(this.camera);
    this.root = await geometry(this.holder.dataset.geometry);
    this.scene.add(this.root);
    this.root.updateMatrixWorld(true);
    this.nodes = new Map();
    this.root.traverse((node) => {
      if (!node.isMesh && !node.isLineSegments) return;
      if (node.isMesh) node.geometry.computeVertexNormals();
      node.material = node.isMesh
        ? new MeshStandardMaterial({ side: DoubleSide, roughness: 0.65, metalness: 0 })
        : new LineBasicMaterial();
      node.matrixAutoUpdate = false;
      node.userData.still = node.matrix.clone();
      // glTF loaders write blanks in names as underscores.
      this.nodes.set((node.userData.name ?? node.name).replaceAll("_", " "), node);
    });
    this.bounds = new Sphere();
    new Box3().setFromObject(this.root).getBoundingSphere(this.bounds);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.addEventListener("change", () => this.draw());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.canvas);
    this.choose(this.stage);
    this.look("Reset: front");
  }

  choose(n) {
    this.stage = n;
    const stage = this.stages[n];
    for (const node of this.nodes.values()) node.visible = false;
    for (const part of stage.parts) {
      const node = this.nodes.get(part.node);
      if (!node) continue;
      node.visible = !this.hidden.has(part.kind);
      node.material.color = new Color(part.colour);
      node.material.opacity = part.opacity;
      node.material.transparent = part.opacity < 1;
      // A translucent wall must not hide what lies behind it.
      node.material.depthWrite = part.opacity >= 1;
      node.material.needsUpdate = true;
      node.matrix.copy(node.userData.still);
      if (part.move) node.matrix.premultiply(new Matrix4().set(...part.move));
      node.matrixWorldNeedsUpdate = true;
    }
    this.stageButtons.forEach((made, k) => made.setAttribute("aria-pressed", String(k === n)));
    this.groupButtons.forEach((made) => made.setAttribute("aria-pressed", String(!this.hidden.has(made.dataset.group))));
    this.marks.forEach((mark) => mark.remove());
    this.marks = this.hidden.has("lesion") ? [] : stage.marks.map(({ text, place, colour }) => {
      const mark = element("span", { className: "mark", textContent: text });
      mark.style.color = mark.style.borderColor = colour;
      mark.at = new Vector3(...place);
      return mark;
    });
    this.canvas.after(...this.marks);
    this.caption.textContent = stage.caption;
    this.legend.replaceChildren(...stage.legend.map(({ text, background, hatched }) => {
      const dot = element("span", { className: hatched ? "dot hatched" : "dot" });
      dot.style.background = background;
      return element("li", {}, dot, text);
    }));
    this.draw();
  }

  look(word) {
    const [from, up] = VIEWS[word];
    const { center, radius } = this.bounds;
    this.camera.up.set(...up);
    this.controls.target.copy(center);
    this.camera.position.copy(center).addScaledVector(new Vector3(...from), 4 * radius);
    this.camera.zoom = 1;
    this.controls.update();
    this.draw();
  }

  key(event) {
    const turns = { ArrowLeft: [-TURN, 0], ArrowRight: [TURN, 0], ArrowUp: [0, -TURN], ArrowDown: [0, TURN] };
    const digit = Number(event.key);
    if (turns[event.key]) this.turn(...turns[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.15);
    else if (event.key === "-") this.zoom(1 / 1.15);
    else if (event.key === "r" || event.key === "Home") this.look("Reset: front");
    else if (digit >= 1 && digit <= this.stages.length) this.choose(digit - 1);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }

  turn(side, over) {
    const away = this.camera.position.clone().sub(this.controls.target);
    const right = new Vector3().crossVectors(this.camera.up, away).normalize();
    const polar = away.angleTo(this.camera.up) + over;
    if (polar > 0.02 && polar < Math.PI - 0.02) away.applyAxisAngle(right, over);
    away.applyAxisAngle(this.camera.up, side);
    this.camera.position.copy(this.controls.target).add(away);
    this.controls.update();
    this.draw();
  }

  zoom(by) {
    this.camera.zoom = Math.min(Math.max(this.camera.zoom * by, 0.4), 12);
    this.controls.update();
    this.draw();
  }

  draw() {
    if (!this.renderer || !this.bounds) return;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const { radius } = this.bounds;
    const aspect = width / height;
    // On a narrow page the width decides, and the letters of the sides stand beside the liver.
    const half = Math.max(0.74 * radius, 1.1 * radius / aspect);
    Object.assign(this.camera, {
      top: half, bottom: -half, left: -half * aspect, right: half * aspect, near: 0, far: 10 * radius,
    });
    this.camera.updateProjectionMatrix();
    this.renderer.setSize(width, height, false);
    this.renderer.render(this.scene, this.camera);
    for (const mark of this.marks) {
      const { x, y } = mark.at.clone().project(this.camera);
      mark.style.transform = `translate(${width * (0.5 + 0.5 * x)}px, ${height * (0.5 - 0.5 * y)}px) translate(-50%, -50%)`;
    }
    Object.values(AXES).forEach((axis, n) => {
      const seen = new Vector3(...axis).transformDirection(this.camera.matrixWorldInverse);
      const letter = this.letters[n];
      const flat = Math.hypot(seen.x, seen.y);
      // Only what points clearly to a side stands at the edge.
      letter.hidden = flat < 0.35;
      const scale = 0.44 / Math.max(Math.abs(seen.x), Math.abs(seen.y), 1e-6);
      letter.style.transform = `translate(${width * (0.5 + scale * seen.x)}px, ${height * (0.5 - scale * seen.y)}px) translate(-50%, -50%)`;
    });
  }

  close() {
    this.watcher?.disconnect();
    this.controls?.dispose();
    this.root?.traverse((node) => {
      node.geometry?.dispose();
      node.material?.dispose();
    });
    // Browsers allow few contexts: this one is given back at once.
    this.renderer?.dispose();
    this.renderer?.forceContextLoss();
    this.renderer = this.bounds = this.root = null;
    this.place.replaceChildren();
    this.start.hidden = false;
    if (open === this) open = null;
  }
}

for (const holder of document.querySelectorAll("[data-model]")) new Model(holder);
