/**
 * Records of one lane of a topic in the form that Kafka keeps them in (record batch 2), without the
 * batch's head: offset deltas count from 0, timestamp deltas are 0.
 */
export interface Records {
  readonly topic: string;
  readonly partition: number;
  readonly count: number;
  readonly bytes: Buffer; // The receiver owns it.
  readonly producedAtMs?: number; // What Kafka is to keep as their time; that at which they are sent if nothing is said.
}
