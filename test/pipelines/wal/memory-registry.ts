import avro, { type Type } from 'avsc';
import { IncompatibleSchema, type Registry } from '../../../contracts/registry.ts';
import { avroOptions } from '../../../schemas/avro.ts';
import type { Registered } from '../../../schemas/wire.ts';

/** A registry that numbers schemas as they come; `forbids` is the rule of a topic. */
export class MemoryRegistry implements Registry {
  readonly asked: { readonly topic: string; readonly accepted: boolean }[] = [];
  readonly schemas = new Map<string, object>(); // The last of each topic.
  forbids: (topic: string, schema: object) => boolean = () => false;
  readonly #ids = new Map<string, number>();
  readonly #types = new Map<number, Type>();

  async register(topic: string, schema: object, accepted?: 'accepted'): Promise<Registered> {
    this.asked.push({ topic, accepted: accepted !== undefined });
    if (!accepted && this.forbids(topic, schema))
      throw new IncompatibleSchema({ what: 'forbidden', where: topic, fix: 'none' });
    this.schemas.set(topic, schema);
    const text = JSON.stringify(schema);
    const id = this.#ids.get(text) ?? this.#ids.size + 1;
    this.#ids.set(text, id);
    const type = this.#types.get(id) ?? typeOf(schema);
    this.#types.set(id, type);
    return { id, type };
  }

  async learn(): Promise<void> {}

  type(id: number): Type | undefined {
    return this.#types.get(id);
  }
}

const typeOf = (schema: object) => avro.Type.forSchema(schema as avro.Schema, { ...avroOptions });
