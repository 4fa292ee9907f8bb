import type { Type } from 'avsc';
import type { AvroCursor } from './avro-cursor.ts';
import type { Governed } from './change.ts';
import { CursorOfChanges } from './change-cursor.ts';
import { Refusal } from './refusal.ts';
import { decodeGoverned } from './wire.ts';

/** A governed change as it came, not yet read: most sinks move its bytes and never need it as an object. */
export interface GovernedRecord {
  readonly topic: string;
  readonly table: string;
  readonly lane: number;
  readonly offset: bigint; // In its lane: what comes later in the topic has a greater one.
  readonly isRetried: boolean; // It comes again, of a dead letter: its offset is of another topic.
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly form: GovernedForm;
}

/** A schema that governed changes came in. One object each, so that what is compiled for it can be kept beside it. */
export class GovernedForm {
  readonly type: Type;
  #cursor: GovernedCursor | null = null;

  constructor(type: Type) {
    this.type = type;
  }

  /** The one cursor of this form. */
  get cursor(): GovernedCursor {
    return (this.#cursor ??= new GovernedCursor(this.type));
  }

  /** Its cursor, on this value. Refuses bytes that are not what the schema says. */
  read(value: Buffer): GovernedCursor {
    const { cursor } = this;
    try {
      cursor.read(value);
    } catch (cause) {
      throw new Refusal('undecodable', 'a value does not fit its registered schema', { cause });
    }
    return cursor;
  }
}

/** Where everything of a governed change lies. */
export class GovernedCursor extends CursorOfChanges {
  provenanceAt = 0; // Where its text begins, and ends.
  provenanceEnd = 0;
  policyAt = 0;
  policyEnd = 0;

  constructor(type: Type) {
    super(type, 'provenance policy');
  }

  protected override readTail(cursor: AvroCursor): void {
    this.provenanceAt = cursor.skipSized();
    this.provenanceEnd = cursor.at;
    this.policyAt = cursor.skipSized();
    this.policyEnd = cursor.at;
  }
}

/** The change as an object. Refuses bytes that are not what the schema says. */
export const changeOf = ({ form, value, table, lane }: GovernedRecord): Governed =>
  decodeGoverned(form.type, value, { table, lane });
