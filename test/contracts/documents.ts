import { parseContracts } from '../../contracts/odcs.ts';
import { InvalidContracts } from '../../contracts/odcs-document.ts';

/** Any part of a document. */
export type Json = { readonly [key: string]: unknown };

export const column = (name: string, rest: Json = {}) => ({
  name,
  physicalType: 'bigint',
  classification: 'internal',
  customProperties: [{ property: 'rule', value: 'keep' }],
  ...rest,
});

export const rule = (value: string) => ({ customProperties: [{ property: 'rule', value }] });
export const to = (target: string) => ({ relationships: [{ type: 'foreignKey', to: target }] });
export const own = (property: string, value: unknown) => ({ property, value });
export const key = { primaryKey: true };

export const table = (
  name: string,
  properties: readonly Json[],
  customProperties: readonly Json[] = [],
) => ({
  name,
  physicalName: `public.${name}`,
  physicalType: 'table',
  properties,
  customProperties,
});

/** JSON is YAML. */
export const document = (...schema: readonly Json[]) =>
  JSON.stringify({
    apiVersion: 'v3.1.0',
    kind: 'DataContract',
    id: 'shop',
    version: '1.0.0',
    status: 'active',
    schema,
  });

/** Parses the tables as one document. */
export const parse = (...schema: readonly Json[]) =>
  parseContracts(document(...schema), 'shop.yaml');

/** What a refusal of contracts says. */
export function problems(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidContracts) return error.problems;
    throw error;
  }
  return [];
}

export const customers = table(
  'customers',
  [column('id', key)],
  [own('graph', { label: 'Customer' })],
);
