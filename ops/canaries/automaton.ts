/** What is looked for, and as what it counts. */
export interface Needle {
  readonly bytes: Uint8Array;
  readonly id: number;
}

const nothing: ReadonlySet<number> = new Set();

/**
 * Looks for many byte sequences at once, each byte read once however many there are: the automaton of Aho and
 * Corasick, its failures folded into one table.
 */
export class Automaton {
  readonly #classes = new Uint16Array(256); // Bytes that stand in no needle are all of class 0.
  readonly #next: Int32Array; // By a state, which is where its row begins, and a class; where something ends, inverted.
  readonly #ids: ReadonlyMap<number, ReadonlySet<number>>; // What ends in a state.

  constructor(needles: readonly Needle[]) {
    let width = 1;
    for (const { bytes } of needles)
      for (const byte of bytes) if (this.#classes[byte] === 0) this.#classes[byte] = width++;
    const trie = new Trie(needles, (byte) => this.#classes[byte] ?? 0);
    const { next, ids } = trie.folded(width);
    this.#ids = new Map([...ids].map(([state, all]) => [state * width, all]));
    this.#next = next.map((state) => (ids.has(state) ? ~(state * width) : state * width));
  }

  /** What stands in the bytes. */
  find(bytes: Uint8Array): ReadonlySet<number> {
    const [classes, next] = [this.#classes, this.#next];
    let found = nothing;
    let state = 0;
    for (let at = 0; at < bytes.length; at++) {
      state = next[state + (classes[bytes[at] ?? 0] ?? 0)] ?? 0;
      if (state >= 0) continue;
      state = ~state;
      found = new Set([...found, ...(this.#ids.get(state) ?? nothing)]);
    }
    return found;
  }
}

interface Node {
  readonly children: Map<number, number>;
  readonly ids: Set<number>;
}

class Trie {
  readonly #nodes: Node[] = [{ children: new Map(), ids: new Set() }];

  constructor(needles: readonly Needle[], classOf: (byte: number) => number) {
    for (const { bytes, id } of needles) {
      let at = 0;
      for (const byte of bytes) at = this.#child(at, classOf(byte));
      if (bytes.length > 0) this.#node(at).ids.add(id);
    }
  }

  /** Every step from every state; breadth first, so that where a state fails to is done before it. */
  folded(width: number): {
    readonly next: Int32Array;
    readonly ids: ReadonlyMap<number, ReadonlySet<number>>;
  } {
    const next = new Int32Array(this.#nodes.length * width);
    const fails = new Int32Array(this.#nodes.length);
    const queue = [0];
    for (const state of queue) {
      const { children, ids } = this.#node(state);
      const fail = fails[state] ?? 0;
      for (const id of this.#node(fail).ids) ids.add(id);
      for (let step = 0; step < width; step++) {
        const beyond = state === 0 ? 0 : (next[fail * width + step] ?? 0);
        const child = children.get(step);
        next[state * width + step] = child ?? beyond;
        if (child === undefined) continue;
        fails[child] = beyond;
        queue.push(child);
      }
    }
    return {
      next,
      ids: new Map(
        this.#nodes.flatMap(({ ids }, state) => (ids.size > 0 ? [[state, ids] as const] : [])),
      ),
    };
  }

  #node(at: number): Node {
    const node = this.#nodes[at];
    if (!node) throw new TypeError(`there is no state ${at}`);
    return node;
  }

  #child(at: number, step: number): number {
    const { children } = this.#node(at);
    const known = children.get(step);
    if (known !== undefined) return known;
    children.set(step, this.#nodes.length);
    this.#nodes.push({ children: new Map(), ids: new Set() });
    return this.#nodes.length - 1;
  }
}
