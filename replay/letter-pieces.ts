/** One record of a letter: all of it, or the n-th piece. */
export interface Piece {
  readonly id: string;
  readonly chunk: number;
  readonly chunks: number;
  readonly offset: bigint;
}

/** A letter all of whose pieces have come. */
export interface Whole<P extends Piece> {
  readonly first: P;
  readonly bytes: number;
}

interface Begun<P extends Piece> extends Whole<P> {
  readonly next: number; // The piece that comes next.
}

/**
 * Puts together the letters of a lane. Whoever crashed while it wrote one writes it again from its first piece on; two
 * that write the same one at once write the same pieces, and of each the first counts.
 */
export class LetterPieces<P extends Piece> {
  readonly #begun = new Map<string, Begun<P>>();

  /** Takes the next piece of the lane; gives the letter that it makes whole. */
  take(piece: P, bytes: number): Whole<P> | null {
    const { id, chunk, chunks } = piece;
    const before = chunk === 0 ? { first: piece, bytes: 0, next: 0 } : this.#begun.get(id);
    if (before?.next !== chunk) return null;
    const begun = { ...before, bytes: before.bytes + bytes, next: chunk + 1 };
    if (begun.next < chunks) {
      this.#begun.set(id, begun);
      return null;
    }
    this.#begun.delete(id);
    return { first: begun.first, bytes: begun.bytes };
  }

  /** Where the oldest letter begins that is not whole yet: whoever reads on later reads on from there. */
  get waitsFrom(): bigint | null {
    const offsets = [...this.#begun.values()].map(({ first }) => first.offset);
    return offsets.reduce<bigint | null>((a, b) => (a === null || b < a ? b : a), null);
  }
}
