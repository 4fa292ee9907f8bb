import type { KeyObject } from 'node:crypto';
import { Bits } from './bits.ts';
import type { Ratio } from './ratio.ts';
import { discreteGaussian, discreteLaplace } from './samplers.ts';

const mostKept = 65_536;

/**
 * The noise of nodes, each drawn by its name alone: the same whenever it is asked for. It is kept for a while, for sums that
 * follow each other have most of their nodes in common.
 */
export class NodeNoise {
  readonly key: KeyObject;
  readonly #drawn = new Map<string, bigint>();

  constructor(key: KeyObject) {
    this.key = key;
  }

  of(name: readonly (string | number)[], mechanism: 'laplace' | 'gaussian', scale: Ratio): bigint {
    const text = JSON.stringify(name);
    let drawn = this.#drawn.get(text);
    if (drawn === undefined) {
      const bits = new Bits(this.key, name);
      drawn = (mechanism === 'laplace' ? discreteLaplace : discreteGaussian)(bits, scale);
      if (this.#drawn.size >= mostKept) this.#drawn.clear();
      this.#drawn.set(text, drawn);
    }
    return drawn;
  }
}
