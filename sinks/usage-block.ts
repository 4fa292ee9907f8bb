import { Bytes } from '../schemas/bytes.ts';
import type { LedgerRow } from '../schemas/ledger-row.ts';
import type { RowBlock } from './claimed-table.ts';
import { putHalves, putSized, putVarint, putWide, putWord } from './clickhouse-bytes.ts';

const moment = `DateTime64(6, 'UTC')`;

/** The columns of the ledger that are sent: the server finds the others from them, and which values come again. */
const sent = {
  topic: 'String',
  lane: 'UInt32',
  offset: 'UInt64',
  tenant: 'String',
  source: 'String',
  id: 'String',
  unit: 'String',
  quantity: 'Decimal(38, 12)',
  at: moment,
  operation: 'String',
  dataset: 'String',
  region: 'String',
  corrects: 'String',
} as const;

type Name = keyof typeof sent;
const names = Object.keys(sent) as readonly Name[];

const halfSafe = 2n ** 52n;
const low = 2n ** 64n - 1n;
const mostWords = 10_000;

/** Rows of the ledger, gathered column by column as ClickHouse's Native format has them. */
export class UsageBlock implements RowBlock<LedgerRow> {
  readonly structure = names.map((name) => ({ name, type: sent[name] }));
  readonly #data = Object.fromEntries(names.map((name) => [name, new Bytes()])) as Readonly<
    Record<Name, Bytes>
  >;
  readonly #words = new Map<string, Buffer>(); // Texts that come again and again.
  #rows = 0;

  get length(): number {
    return names.reduce((sum, name) => sum + this.#data[name].at, 0);
  }

  clear(): void {
    this.#rows = 0;
    for (const name of names) this.#data[name].clear();
    if (this.#words.size > mostWords) this.#words.clear();
  }

  add(row: LedgerRow): void {
    const to = this.#data;
    this.#word(row.topic, to.topic);
    putWord(row.lane, to.lane);
    putWide(Number(row.offset), to.offset);
    this.#word(row.tenant, to.tenant);
    this.#word(row.source, to.source);
    putText(row.id, to.id);
    this.#word(row.unit, to.unit);
    putQuantity(row.quantity, to.quantity);
    putWide(row.at, to.at);
    this.#word(row.operation, to.operation);
    this.#word(row.dataset, to.dataset);
    this.#word(row.region, to.region);
    putText(row.corrects ?? '', to.corrects);
    this.#rows++;
  }

  pieces(): Buffer[] {
    const head = new Bytes(64);
    putVarint(names.length, head);
    putVarint(this.#rows, head);
    const columns = names.flatMap((name) => {
      const own = new Bytes(64);
      putText(name, own);
      putText(sent[name], own);
      return [own.view(), this.#data[name].view()];
    });
    return [head.view(), ...columns].filter(({ length }) => length > 0);
  }

  #word(text: string, to: Bytes): void {
    let bytes = this.#words.get(text);
    if (!bytes) this.#words.set(text, (bytes = Buffer.from(text)));
    putSized(bytes, 0, bytes.length, to);
  }
}

/** Whole parts in 128 bits. Most are few enough for a double, which costs less. */
function putQuantity(parts: bigint, to: Bytes): void {
  if (parts < halfSafe) {
    putWide(Number(parts), to);
    putHalves(0, 0, to);
  } else {
    putWide(parts & low, to);
    putWide(parts >> 64n, to);
  }
}

function putText(text: string, to: Bytes): void {
  const length = Buffer.byteLength(text);
  putVarint(length, to);
  to.room(length);
  to.at += to.data.write(text, to.at);
}
