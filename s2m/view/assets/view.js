"use strict";
// The page of `s2m view`: GLB files side by side, played, scrubbed and turned. THREE is the bundle beside this file.

const element = (id) => document.getElementById(id);
const GROUND = 0.3; // metres: feet as near to height 0 stand on a floor there

/** Bytes of a motion that is in the page itself, or on the server that the page came from. */
async function bytesOf(source) {
  const inside = element(`motion-${source.id}`);
  if (inside !== null) {
    const text = atob(inside.textContent.trim());
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
  }
  const answer = await fetch(source.url);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.arrayBuffer();
}

/** A floor of squares: of short lines, since some drivers lose lines that pass the camera. */
function grid(half, cell) {
  const places = [];
  for (let a = -half; a <= half; a += cell) {
    for (let b = -half; b < half; b += cell) places.push(a, 0, b, a, 0, b + cell, b, 0, a, b + cell, 0, a);
  }
  const lines = new THREE.BufferGeometry();
  lines.setAttribute("position", new THREE.BufferAttribute(new Float32Array(places), 3));
  return new THREE.LineSegments(lines, new THREE.LineBasicMaterial({ color: 0xa9a9a2 }));
}

/** Spheres and lines over a person, where the joints are. */
class Joints {
  constructor(bones) {
    this.bones = bones;
    this.pairs = bones.filter((bone) => bones.includes(bone.parent));
    const above = { depthTest: false, transparent: true };
    const ball = new THREE.SphereGeometry(0.018, 12, 8);
    this.balls = new THREE.InstancedMesh(ball, new THREE.MeshBasicMaterial({ color: 0xc2401c, ...above }), bones.length);
    const ends = new THREE.BufferGeometry();
    ends.setAttribute("position", new THREE.BufferAttribute(new Float32Array(6 * this.pairs.length), 3));
    this.lines = new THREE.LineSegments(ends, new THREE.LineBasicMaterial({ color: 0x7a2a14, ...above }));
    this.group = new THREE.Group();
    for (const part of [this.lines, this.balls]) {
      part.frustumCulled = false;
      part.renderOrder = 1;
      this.group.add(part);
    }
  }

  update() {
    const place = new THREE.Vector3();
    const matrix = new THREE.Matrix4();
    this.bones.forEach((bone, i) => this.balls.setMatrixAt(i, matrix.setPosition(bone.getWorldPosition(place))));
    this.balls.instanceMatrix.needsUpdate = true;
    const ends = this.lines.geometry.attributes.position;
    this.pairs.forEach((bone, i) => {
      ends.setXYZ(2 * i, ...bone.getWorldPosition(place).toArray());
      ends.setXYZ(2 * i + 1, ...bone.parent.getWorldPosition(place).toArray());
    });
    ends.needsUpdate = true;
  }
}

/** Balls that are seen through the body. */
function overlay(node) {
  if (!node.isMesh) return;
  node.material.depthTest = false;
  node.material.transparent = true;
  node.renderOrder = 2;
  node.frustumCulled = false;
}

/** One file: its scene, its people and its clock. */
class Motion {
  constructor(name, gltf) {
    this.name = name;
    this.scene = new THREE.Scene();
    this.root = gltf.scene;
    this.scene.add(gltf.scene, new THREE.HemisphereLight(0xffffff, 0x77736b, 1.3));
    const sun = new THREE.DirectionalLight(0xffffff, 1.5);
    sun.position.set(2, 4, 3);
    this.scene.add(sun);
    this.meshes = [];
    const seen = []; // the joints that bodies were found from, of all people or of none
    gltf.scene.traverse((node) => {
      if (node.isSkinnedMesh) this.meshes.push(node);
      if (node.userData.seen !== undefined) seen.push(node);
    });
    for (const group of seen) group.traverse(overlay);
    this.people = this.meshes.map((mesh, i) => ({
      mesh,
      joints: new Joints(mesh.skeleton.bones),
      root: mesh.skeleton.bones[0],
      seen: seen[i],
    }));
    for (const { mesh, joints } of this.people) {
      mesh.frustumCulled = false; // its bounds are those of the rest pose
      this.scene.add(joints.group);
    }
    this.startClock(gltf);
    this.addFloor();
  }

  startClock(gltf) {
    const clip = gltf.animations[0];
    this.frames = 1;
    this.fps = 30;
    if (clip === undefined) return;
    for (const track of clip.tracks) {
      if (track.times.length <= this.frames) continue;
      this.frames = track.times.length;
      this.fps = (this.frames - 1) / (track.times[this.frames - 1] - track.times[0]);
    }
    this.mixer = new THREE.AnimationMixer(gltf.scene);
    this.action = this.mixer.clipAction(clip);
    this.action.play();
  }

  /** A grid at height zero, where motion that knows no floor is lifted to, so that people side by side stand alike. */
  addFloor() {
    const place = new THREE.Vector3();
    let lowest = Infinity;
    for (let i = 0; i < 24; i++) {
      this.show(Math.floor((i * this.frames) / 24));
      for (const { joints } of this.people) {
        for (const bone of joints.bones) lowest = Math.min(lowest, bone.getWorldPosition(place).y);
      }
    }
    this.lift = Number.isFinite(lowest) && Math.abs(lowest) > GROUND ? 0.05 - lowest : 0;
    this.root.position.y += this.lift;
    this.floor = grid(10, 0.5);
    this.scene.add(this.floor);
    this.show(0);
  }

  show(frame) {
    this.frame = Math.min(frame, this.frames - 1);
    if (this.mixer !== undefined) {
      this.action.time = this.frame / this.fps;
      this.mixer.update(0);
    }
    this.scene.updateMatrixWorld(true);
    for (const { joints } of this.people) joints.update();
  }

  /** What is shown of whom. */
  reveal(options) {
    this.floor.visible = options.floor;
    this.people.forEach(({ mesh, joints, seen }, i) => {
      const shown = options.person === "all" || options.person === String(i);
      mesh.visible = shown && options.mesh;
      if (seen !== undefined) seen.visible = shown && options.seen;
      joints.group.visible = shown && options.joints;
    });
  }

  /** The middle of the people who are shown. */
  middle(person) {
    const chosen = this.people.filter((_, i) => person === "all" || person === String(i));
    const sum = new THREE.Vector3();
    for (const { root } of chosen) sum.add(root.getWorldPosition(new THREE.Vector3()));
    return chosen.length ? sum.divideScalar(chosen.length) : sum;
  }

  /** How far from the middle people get, metres. */
  get spread() {
    const middle = this.middle("all");
    const away = this.people.map(({ root }) => root.getWorldPosition(new THREE.Vector3()).distanceTo(middle));
    return Math.max(0, ...away);
  }
}

/** The page: two motions at most, one camera for both. */
class Viewer {
  constructor(sources) {
    this.sources = sources;
    this.motions = [null, null];
    this.loaded = new Map();
    this.playing = false;
    this.at = 0; // seconds
    this.last = undefined;
    this.renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    this.renderer.setScissorTest(true);
    element("stage").append(this.renderer.domElement);
    this.camera = new THREE.PerspectiveCamera(35, 1, 0.05, 200);
    this.controls = new THREE.OrbitControls(this.camera, this.renderer.domElement);
    this.controls.autoRotateSpeed = 6;
    this.bind();
  }

  bind() {
    ["left", "right"].forEach((id, side) => {
      const choices = side === 0 ? this.sources : [{ id: "", name: "none" }, ...this.sources];
      element(id).append(...choices.map((source) => new Option(source.name, source.id)));
      element(id).addEventListener("change", () => this.load(side, element(id).value));
    });
    for (const id of ["mesh", "joints", "seen", "floor", "follow", "turn"]) {
      element(id).addEventListener("change", () => this.refresh());
    }
    element("person").addEventListener("change", () => this.frameCamera());
    element("play").addEventListener("click", () => this.play(!this.playing));
    element("scrub").addEventListener("input", () => {
      this.play(false);
      this.seek(Number(element("scrub").value) / this.rate);
    });
    element("front").addEventListener("click", () => this.frameCamera(0));
    element("side").addEventListener("click", () => this.frameCamera(Math.PI / 2));
    addEventListener("resize", () => this.draw());
    addEventListener("keydown", (event) => this.key(event));
    this.controls.addEventListener("change", () => this.draw());
  }

  key(event) {
    if (["INPUT", "SELECT", "BUTTON"].includes(event.target.tagName)) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === " ") this.play(!this.playing);
    else if (step !== undefined) {
      this.play(false);
      this.seek((this.frame + step) / this.rate);
    } else return;
    event.preventDefault();
  }

  get shown() {
    return this.motions.filter((motion) => motion !== null);
  }

  get rate() {
    return Math.max(1, ...this.shown.map((motion) => motion.fps));
  }

  get seconds() {
    return Math.max(0, ...this.shown.map((motion) => (motion.frames - 1) / motion.fps));
  }

  get frame() {
    return Math.round(this.at * this.rate);
  }

  get options() {
    const on = (id) => element(id).checked;
    return { mesh: on("mesh"), joints: on("joints"), seen: on("seen"), floor: on("floor"), person: element("person").value || "all" };
  }

  async load(side, id) {
    const source = this.sources.find((known) => String(known.id) === String(id));
    try {
      element("message").textContent = source === undefined ? "" : `loading ${source.name}`;
      // A scene can be in one place at a time: each side has its own.
      const key = `${side}/${id}`;
      if (source !== undefined && !this.loaded.has(key)) {
        const gltf = await new THREE.GLTFLoader().parseAsync(await bytesOf(source), "");
        this.loaded.set(key, new Motion(source.name, gltf));
      }
      this.motions[side] = source === undefined ? null : this.loaded.get(key);
      element("message").textContent = "";
    } catch (error) {
      this.motions[side] = null;
      element("message").textContent = `${source.name}: ${error.message}`;
    }
    element(side === 0 ? "left" : "right").value = source === undefined ? "" : String(source.id);
    this.listPeople();
    element("seen").parentElement.hidden = !this.shown.some((motion) => motion.people.some(({ seen }) => seen !== undefined));
    element("scrub").max = Math.round(this.seconds * this.rate);
    this.frameCamera();
    this.seek(Math.min(this.at, this.seconds));
  }

  listPeople() {
    const count = Math.max(0, ...this.shown.map((motion) => motion.people.length));
    const names = (this.shown.find((motion) => motion.people.length === count) || { people: [] }).people;
    element("person").replaceChildren(new Option("all", "all"), ...names.map(({ mesh }, i) => new Option(mesh.name.replace(/_mesh$/, ""), String(i))));
  }

  /** Look at the people from a side; from where the camera is without one. */
  frameCamera(angle) {
    const first = this.shown[0];
    if (first === undefined) return this.draw();
    const spread = this.options.person === "all" ? Math.max(...this.shown.map((motion) => motion.spread)) : 0;
    const distance = 4.2 + 2.2 * spread;
    const turn = angle === undefined ? 0.35 : angle;
    this.controls.target.copy(first.middle(this.options.person));
    const away = new THREE.Vector3(Math.sin(turn) * distance, 0.25 * distance, Math.cos(turn) * distance);
    this.camera.position.copy(this.controls.target).add(away);
    this.controls.update();
    this.refresh();
  }

  play(on) {
    if (on && this.at >= this.seconds) this.seek(0);
    this.playing = on;
    this.last = undefined;
    element("play").textContent = on ? "\u275a\u275a" : "\u25b6";
    element("play").setAttribute("aria-label", on ? "pause" : "play");
    this.schedule();
  }

  seek(seconds) {
    this.at = Math.min(Math.max(seconds, 0), this.seconds);
    const before = this.shown.map((motion) => motion.middle(this.options.person));
    for (const motion of this.shown) motion.show(Math.round(this.at * motion.fps));
    if (element("follow").checked && this.shown.length) {
      const moved = this.shown[0].middle(this.options.person).sub(before[0]).setY(0);
      this.controls.target.add(moved);
      this.camera.position.add(moved);
    }
    element("scrub").value = this.frame;
    const total = Math.round(this.seconds * this.rate);
    element("time").textContent = `frame ${this.frame} of ${total}, ${this.at.toFixed(2)} s`;
    this.draw();
  }

  refresh() {
    this.controls.autoRotate = element("turn").checked;
    this.draw();
    this.schedule();
  }

  schedule() {
    if (this.waiting || !(this.playing || this.controls.autoRotate)) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      this.tick(now);
      this.schedule();
    });
  }

  tick(now) {
    const passed = this.last === undefined ? 0 : (now - this.last) / 1000;
    this.last = now;
    if (this.playing) {
      this.seek(this.at + passed * Number(element("speed").value));
      if (this.at >= this.seconds) this.play(false);
    }
    this.controls.update();
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = element("stage");
    if (!width || !height) return;
    this.renderer.setPixelRatio(devicePixelRatio);
    this.renderer.setSize(width, height, false);
    const each = width / Math.max(1, this.shown.length);
    this.camera.aspect = each / height;
    this.camera.updateProjectionMatrix();
    this.shown.forEach((motion, i) => {
      motion.reveal(this.options);
      this.renderer.setViewport(i * each, 0, each, height);
      this.renderer.setScissor(i * each, 0, each, height);
      this.renderer.render(motion.scene, this.camera);
    });
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
  }
}

const viewer = new Viewer(JSON.parse(element("motions").textContent));
(async () => {
  const [first, second] = viewer.sources;
  if (first !== undefined) await viewer.load(0, first.id);
  if (second !== undefined && document.body.dataset.beside !== "no") await viewer.load(1, second.id);
  document.body.dataset.ready = "yes";
})();
