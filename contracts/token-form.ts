import { z } from 'zod';
import type { Rule } from './contract.ts';

const tokenForms = ['digits', 'alphanumeric'] as const;

/**
 * How the tokens of a column look where they are to look like its values: each digit is another digit, where the
 * form is `alphanumeric` each letter another letter of its case, and separators stay where they are.
 */
export type TokenForm = (typeof tokenForms)[number];

/** A form of tokens as a contract writes it. */
export const promisedTokenForm = z.enum(
  tokenForms,
  `is no form of tokens: use ${tokenForms.join(' or ')}`,
);

/** Whether tokens may be made where a contract has this rule: policy may turn it into a stricter one, never a wider. */
export const mayMakeTokens = (rule: Rule): boolean => rule !== 'mask' && rule !== 'drop';

/** What is wrong with the form of a column's tokens; nothing if they may be made so. */
export function* tokenFormFaults(
  form: TokenForm,
  { type, rule }: { readonly type: string; readonly rule: Rule },
): Generator<string> {
  if (!isText.test(type))
    yield `its tokenForm is ${form}, but its type is ${type}: only text keeps all zeros and separators; remove tokenForm, or have the column be text`;
  if (!mayMakeTokens(rule))
    yield `its tokenForm is ${form}, but its rule is ${rule}, so that no token is ever made of it; use tokenise, or remove tokenForm`;
}

const isText = /^(?:text|citext|bpchar|character(?: varying)?(?:\(\d+\))?)$/;
