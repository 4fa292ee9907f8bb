import { Sender } from './sender.ts';

const patienceMs = 10_000;

/**
 * Knows whether a standby is still on the timeline it was on. A connection that reads its WAL outlives a
 * promotion, and does not say whose WAL comes from then on: what was received before a look that found
 * the same timeline was written on it, or before it.
 */
export class TimelineWatch implements AsyncDisposable {
  readonly #sender: Sender;
  readonly #timeline: number;

  private constructor(sender: Sender, timeline: number) {
    this.#sender = sender;
    this.#timeline = timeline;
  }

  static async open(url: string, timeline: number): Promise<TimelineWatch> {
    return new TimelineWatch(await Sender.connect(url), timeline);
  }

  /** Rejects once the server has gone over to another timeline, or does not answer. */
  async look(): Promise<void> {
    const silence = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => silence.reject(new Error('the standby does not say which timeline it is on')),
      patienceMs,
    );
    try {
      const [row] = await Promise.race([this.#sender.ask('IDENTIFY_SYSTEM'), silence.promise]);
      const timeline = Number(row?.['timeline']);
      if (timeline !== this.#timeline)
        throw new Error(
          `the standby went from timeline ${this.#timeline} to ${timeline}: what came since it was asked last is read again, as written there`,
        );
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#sender[Symbol.asyncDispose]();
  }
}
