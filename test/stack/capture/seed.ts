/** What all is drawn from that is left to chance: `CONDUCTOR_SEED` chooses another. */
export const seed = Number(process.env['CONDUCTOR_SEED'] ?? 3);

export const printSeed = (own = seed): void => {
  process.stderr.write(`CONDUCTOR_SEED=${own}\n`);
};
