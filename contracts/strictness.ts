import type { Rule } from './contract.ts';

/**
 * What happens to a column, from the widest to the strictest. Whatever two sources say of a column, the
 * stricter counts; of two levels of generalising, the higher. So an order of evaluation cannot matter,
 * and nothing that a policy says widens what a contract promises.
 */
export const lattice: readonly Rule[] = ['keep', 'generalise', 'tokenise', 'mask', 'seal', 'drop'];

/** Whether rows cannot be told apart any more by what a rule leaves. */
export const isBlurred = (rule: Rule): boolean => rule !== 'keep' && rule !== 'tokenise';
