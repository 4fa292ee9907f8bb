import { expect } from 'vitest';
import type { Way } from '../way/way.ts';
import { type Compared, differences } from './differences.ts';
import { type Asked, type Truth, truthOf } from './truth.ts';
import { testimony, witnessSlot } from './witness.ts';

/** Holds a way's capture against its tables, and against what another decoder makes of the same WAL. */
export interface Judge {
  judge(asked?: Asked): Promise<Truth & Compared>;
}

/** To be asked for once capture's slot is there, and before anything happens. */
export async function judgeOf(way: Way, slot = way.name): Promise<Judge> {
  const witness = `${slot}_witness`;
  await witnessSlot(way.source, witness);
  return {
    async judge(asked = {}) {
      const truth = await truthOf(way, { ...asked, slot });
      const refused = truth.letters.map(({ table }) => table); // Some may have no contract.
      const told = await testimony(way.source, witness, [...way.contracts.keys(), ...refused]);
      const compared = differences(way, slot, truth, told);
      expect(truth.faults).toEqual([]);
      expect(compared.unexplained).toEqual([]);
      return { ...truth, ...compared };
    },
  };
}
