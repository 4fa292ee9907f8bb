/** A noisy aggregate as it is published: what it says, of which span, and how it is noised. */
export interface Noisy {
  readonly dataset: string;
  readonly tenant: string | null;
  readonly query: string;
  readonly kind: string;
  readonly bucket: string | null; // Null but for histograms.
  readonly span: 'window' | 'month' | 'total';
  readonly from: number; // Microseconds since 1970.
  readonly to: number;
  readonly value: string | null; // Null where nothing was there to divide by.
  readonly epsilon: number; // Of all queries of the dataset, for a subject and a month.
  readonly delta: number;
  readonly mechanism: 'laplace' | 'gaussian';
  readonly scale: string; // Of one draw: t of Laplace, σ of Gaussian; of a mean, that of its sum.
  readonly draws: number; // That add up in the value.
}

const micros = { type: 'long', logicalType: 'timestamp-micros' };
const name = (name: string, symbols: readonly string[]) => ({ type: 'enum', name, symbols });

/** The schema of noisy aggregates, of whatever dataset. */
export const noisySchema = {
  type: 'record',
  name: 'Noisy',
  namespace: 'conductor.dp',
  fields: [
    { name: 'dataset', type: 'string' },
    { name: 'tenant', type: ['null', 'string'] },
    { name: 'query', type: 'string' },
    { name: 'kind', type: name('Kind', ['count', 'sum', 'mean', 'histogram']) },
    { name: 'bucket', type: ['null', 'string'] },
    { name: 'span', type: name('Span', ['window', 'month', 'total']) },
    { name: 'from', type: micros },
    { name: 'to', type: micros },
    { name: 'value', type: ['null', 'string'] },
    { name: 'epsilon', type: 'int' },
    { name: 'delta', type: 'double' },
    { name: 'mechanism', type: name('Mechanism', ['laplace', 'gaussian']) },
    { name: 'scale', type: 'string' },
    { name: 'draws', type: 'int' },
  ],
};
