import { Bytes } from '../../schemas/bytes.ts';
import { lsnText } from '../../schemas/lsn.ts';
import type { LaneSlab } from './lane-slab.ts';
import type { Output } from './output.ts';

/** A topic whose readers close windows, and how wide these are. */
export interface Beaten {
  readonly lanes: readonly LaneSlab[];
  readonly widthsMicros: readonly number[];
}

/**
 * Tells every lane of such topics how far the log's own time has come: no window waits for a lane in which
 * nothing happens. A heartbeat is a record without key and value; its headers say that every row which
 * still follows in the lane was committed no earlier than `watermark`.
 */
export class Beats {
  readonly #output: Output;
  readonly #topics: readonly Beaten[];
  #told: number | null = null; // As of the last beat.

  constructor(output: Output, topics: readonly Beaten[]) {
    this.#output = output;
    this.#topics = topics;
  }

  /**
   * Follows the rows that have gathered, up to `at` and to `watermark`: to be called where they are handed
   * on. Beats when this reader begins, and then whenever a window has ended since: never per row.
   */
  beat(watermark: number, at: bigint): void {
    if (watermark === 0 || watermark === this.#told) return;
    const before = this.#told;
    let headers: Bytes | null = null;
    for (const { lanes, widthsMicros } of this.#topics) {
      if (before !== null && !widthsMicros.some((width) => hasEnded(width, before, watermark)))
        continue;
      headers ??= headersOf(watermark, at);
      for (const lane of lanes) this.#output.append(lane, null, null, headers);
    }
    this.#told = watermark;
  }
}

const hasEnded = (width: number, before: number, now: number): boolean =>
  Math.floor(before / width) < Math.floor(now / width);

/** As Kafka keeps them: how many, and each with its name and its text. */
function headersOf(watermark: number, at: bigint): Bytes {
  const headers = { watermark: `${watermark}`, lsn: lsnText(at) };
  const out = new Bytes(64);
  out.zigzag(Object.keys(headers).length);
  for (const text of Object.entries(headers).flat()) {
    const bytes = Buffer.from(text);
    out.sized(bytes, 0, bytes.length);
  }
  return out;
}
