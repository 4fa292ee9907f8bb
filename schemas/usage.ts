import { exactOf, wholeOf } from './money.ts';
import { microsOf } from './rfc3339.ts';

/** Quantities of all units are whole in parts of which there are ten to the twelfth in one: no contract changes what is told. */
export const quantityDecimals = 12;
export const partsOfOne = 10n ** BigInt(quantityDecimals);

/** What was used, as whoever metered it says: a CloudEvent 1.0 of type `conductor.usage`. */
export interface Usage {
  readonly source: string; // Together with the id it names the event for ever.
  readonly id: string;
  readonly tenant: string;
  readonly unit: string;
  readonly quantity: bigint; // In parts.
  readonly at: number; // Microseconds since 1970.
  readonly operation: string;
  readonly dataset: string;
  readonly region: string;
  readonly corrects: string | null; // The id of an event of the same source that this one takes the place of.
}

/** Why an event is not counted: which field, and what is wrong with it; never what it says. */
export interface UsageFault {
  readonly field: string;
  readonly fault: string;
}

type ReadUsage =
  | { readonly is: 'usage'; readonly usage: Usage }
  | ({ readonly is: 'refused' } & UsageFault);

interface Terms {
  /** How many decimals a quantity of a unit may have; null for what is no unit. */
  readonly decimals: (unit: string) => number | null;
  readonly now: number; // Microseconds since 1970.
}

const usageType = 'conductor.usage';

/** An event is small: what is longer than this is refused, so that every event can be sent wherever it belongs. */
export const longestEvent = 64 * 1024;

const longest = 256;
const aheadMicros = 300_000_000; // Clocks differ by minutes at most.
const mostParts = 10n ** 30n; // A million million million units: what adds up many has room for them.
/** The small whole quantities, which most are. */
const small = Array.from({ length: 1_024 }, (_, n) => BigInt(n) * partsOfOne);

/** Reads one event of JSON. What it does not know of it, it passes over, as CloudEvents want it. */
export function usageOf(event: unknown, { decimals, now }: Terms): ReadUsage {
  try {
    const from = fieldsOf(event, 'event');
    exactly(from, 'specversion', '1.0');
    exactly(from, 'type', usageType);
    const data = fieldsOf(from['data'], 'data');
    const unit = textIn(data, 'unit', 'data.unit');
    const parts = decimals(unit);
    if (parts === null) throw new Fault('data.unit', 'is no unit of contracts/unit-costs.yaml');
    const corrects =
      data['corrects'] === undefined ? null : textIn(data, 'corrects', 'data.corrects');
    const usage: Usage = {
      source: oneOf(textIn(from, 'source', 'source')),
      id: textIn(from, 'id', 'id'),
      tenant: oneOf(textIn(from, 'subject', 'subject')),
      unit: oneOf(unit),
      quantity: quantityOf(data['quantity'], parts),
      at: timeOf(from['time'], now),
      operation: labelIn(data, 'operation'),
      dataset: labelIn(data, 'dataset'),
      region: labelIn(data, 'region'),
      corrects,
    };
    if (corrects === usage.id) throw new Fault('data.corrects', 'names the event itself');
    return { is: 'usage', usage };
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return { is: 'refused', field: fault.field, fault: fault.message };
  }
}

const known = new Map<string, string>();
const mostKnown = 10_000;

/** Of texts that come again and again one is kept: many events wait at a time. */
function oneOf(text: string): string {
  const first = known.get(text);
  if (first !== undefined) return first;
  if (known.size >= mostKnown) known.clear();
  known.set(text, text);
  return text;
}

class Fault extends Error {
  readonly field: string;

  constructor(field: string, fault: string) {
    super(fault);
    this.field = field;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown, field: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Fault(field, 'is no object');
  return value as Fields;
}

function exactly(from: Fields, field: string, value: string): void {
  if (from[field] !== value) throw new Fault(field, `is not ${JSON.stringify(value)}`);
}

function textIn(from: Fields, name: string, field: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value === '') throw new Fault(field, 'is no text');
  if (value.length > longest) throw new Fault(field, `is longer than ${longest} characters`);
  return value;
}

/** What usage is told apart by; nothing where it is not. */
function labelIn(data: Fields, name: string): string {
  return data[name] === undefined || data[name] === ''
    ? ''
    : oneOf(textIn(data, name, `data.${name}`));
}

function quantityOf(value: unknown, decimals: number): bigint {
  const field = 'data.quantity';
  if (typeof value !== 'number' && typeof value !== 'string')
    throw new Fault(field, 'is no number');
  const whole = typeof value === 'number' ? small[value] : undefined;
  if (whole !== undefined) return whole;
  const exact = exactOf(`${value}`);
  if (!exact) throw new Fault(field, 'is no number');
  if (exact.digits < 0n)
    throw new Fault(field, 'is negative; to take usage back, correct its event');
  const parts = wholeOf(exact, quantityDecimals);
  if (parts === null || exact.decimals > decimals)
    throw new Fault(
      field,
      decimals === 0 ? 'is no whole number' : `has more than ${decimals} decimals`,
    );
  if (parts >= mostParts) throw new Fault(field, 'is beyond all measure');
  return parts;
}

function timeOf(value: unknown, now: number): number {
  const at = typeof value === 'string' ? microsOf(value) : null;
  if (at === null) throw new Fault('time', 'is no RFC 3339 time');
  if (at < 0) throw new Fault('time', 'is before 1970');
  if (at > now + aheadMicros) throw new Fault('time', 'is in the future');
  return at;
}

/** A quantity as a decimal says it. */
export function quantityText(parts: bigint): string {
  const digits = `${parts}`.padStart(quantityDecimals + 1, '0');
  return `${digits.slice(0, -quantityDecimals)}.${digits.slice(-quantityDecimals)}`;
}
