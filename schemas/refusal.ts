/** Why a value can never pass as it is. Kept short: operators filter letters by it. */
export type Reason =
  | 'undecodable'
  | 'no-contract'
  | 'schema-refused'
  | 'no-key'
  | 'no-tenant'
  | 'no-subject'
  | 'unsealable'
  | 'uncovered'
  | 'unexpected-column'
  | 'missing-base'
  | 'rejected-by-sink'
  | 'invalid-usage' // An event that the meter cannot count.
  | 'astray' // An event that came in another lane than its tenant's: it is sent there, and is no letter.
  | 'too-large'
  | 'held'; // An earlier letter of its key waits.

/**
 * A value that can never pass as it is: it becomes a dead letter and the rest goes on. Whatever else
 * is thrown stops the pipeline. The message names tables and columns, never a row's value.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: Reason;
  /** It was in the way of another value, and may pass once that one has. */
  readonly isInTheWay: boolean;

  constructor(
    reason: Reason,
    message: string,
    options?: ErrorOptions & { readonly isInTheWay?: boolean },
  ) {
    super(message, options);
    this.reason = reason;
    this.isInTheWay = options?.isInTheWay ?? false;
  }
}
