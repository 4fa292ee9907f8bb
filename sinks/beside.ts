import type { TableContract } from '../contracts/contract.ts';

/**
 * Brings what has come meanwhile to where the table is filled, or to what readers see; resolves once that has all there is.
 * `opened` is for who holds what opening waits for: it then fails where that would have to be opened anew.
 */
export type CatchUp = (to: 'beside' | 'live', opened?: 'opened') => Promise<void>;

export interface Finishing {
  readonly note: string; // As it was noted before.
  readonly keep: boolean; // The other may hold what this one has not.
}

/** How many rows of what readers see were made as they ought to be. Of a switch nobody counts. */
export interface Merged {
  readonly rows: number;
  readonly removed: number;
}

/**
 * A table of a sink, filled beside the one that readers see, under a name of its own, and then put in its place:
 * whole, or row by row. Both may be done again after a kill.
 */
export interface Beside extends AsyncDisposable {
  /** What the sink is to be opened with, and what changes of the table are to say, so that they come to rest beside. */
  readonly contract: TableContract;
  /** Why it cannot be put in the other's place; null if it can. */
  obstacle(): Promise<string | null>;
  /** Whether what was filled before is there. */
  isThere(): Promise<boolean>;
  /** Makes room where nothing is there. */
  prepare(): Promise<void>;
  /** To be noted before it is put in place, so that after a kill it is known whether it was. */
  note(): Promise<string>;
  /** Puts it in the other's place, in one step, once it has caught up; returns the name that the other has now, if that is kept. */
  switchOver(catchUp: CatchUp, finishing: Finishing): Promise<string | null>;
  /** Makes the other's rows as they are here, where those are no newer; `whole` removes rows that are not here. */
  merge(catchUp: CatchUp, whole: boolean): Promise<Merged>;
  /** Takes away what is left of it. */
  drop(): Promise<void>;
}

/** The contract of a table as it is filled beside itself by a replay. */
export function besideContract(contract: TableContract, replay: number): TableContract {
  const { table, graph } = contract;
  const dot = table.indexOf('.');
  const name = `conductor_replay_${replay}`;
  return {
    ...contract,
    table: `${name}_${table.slice(0, dot).slice(0, longestSchema)}.${table.slice(dot + 1)}`,
    graph: graph && { label: `${graph.label}_${name}`, relationships: [] },
  };
}

const longestSchema = 30; // PostgreSQL takes names of 63 bytes.
