const leastPaceMs = 1;
const mostPaceMs = 15;
const judgedMs = 100; // So long a pace is kept before it is judged,
const heldFor = 20; // and so often one is kept that may not be longer.

/**
 * How long a socket rests in a backlog before it is read again: longer and longer, as long as that has the more come at a time. A socket
 * that holds little brings no more for it, and is to be read often.
 */
export class Pace {
  ms = leastPaceMs;
  #before: number | null = null; // What a gulp had on average before the pace was slackened; null if it was not.
  #held = 0; // How often it is still to be left as it is.
  #gulps = 0;
  #bytes = 0;
  #elapsedMs = 0;

  went(bytes: number, sinceMs: number): void {
    this.#gulps++;
    this.#bytes += bytes;
    this.#elapsedMs += sinceMs;
    if (this.#elapsedMs < judgedMs) return;
    this.#judge(this.#bytes / this.#gulps);
    this.#gulps = 0;
    this.#bytes = 0;
    this.#elapsedMs = 0;
  }

  #judge(average: number): void {
    const isInVain = this.#before !== null && average < 1.2 * this.#before;
    this.#before = null;
    if (isInVain) {
      this.ms = Math.max(this.ms / 2, leastPaceMs);
      this.#held = heldFor;
    } else if (this.#held > 0) this.#held--;
    else if (this.ms < mostPaceMs) {
      this.#before = average;
      this.ms = Math.min(this.ms * 2, mostPaceMs);
    }
  }
}
