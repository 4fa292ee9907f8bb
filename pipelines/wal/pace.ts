const leastMs = 1;
const mostMs = 15;
const filledRate = 80 * 1024; // So much a server fills of a socket in a millisecond, about.
const forgetting = 0.995; // With each gulp: what a socket holds is its system's to change.

/**
 * How long a socket rests in a backlog before it is read again: until it is about full. What it holds shows
 * in what was read of it at the most: one that holds little is to be read often.
 */
export class Pace {
  #most = 0; // Bytes, of late.

  went(bytes: number): void {
    this.#most = Math.max(bytes, this.#most * forgetting);
  }

  get ms(): number {
    return Math.min(Math.max(this.#most / filledRate, leastMs), mostMs);
  }
}
