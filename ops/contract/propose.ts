import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { publicUrl } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import { type ContractChange, contractChanges } from '../../contracts/contract-diff.ts';
import { readDocument, type PromisedTable } from '../../contracts/odcs-document.ts';
import {
  isContractFile,
  promisesIn,
  type Written,
  writtenIn,
} from '../../contracts/read-promises.ts';
import { ownPool } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { type Catalog, tableName } from '../init/catalog.ts';
import { choose, type Skipped } from '../init/choose.ts';
import { contractText } from '../init/contract-text.ts';
import { onlyOf } from '../init/only.ts';
import type { Proposal } from '../init/proposed.ts';
import { readCatalog } from '../init/read-catalog.ts';
import { fileNames } from '../init/written-files.ts';
import { hierarchyFor, isQuasiIdentifier } from './coarser.ts';
import { guessFrom, type Looked } from './evidence.ts';
import { type Sampled, sampled } from './sample.ts';

/** A contract that is proposed for a table, and the one that is there. */
export interface ProposedContract {
  readonly proposal: Proposal;
  readonly file: string; // Where it belongs.
  readonly text: string;
  /** How it differs from the contract that is there; null where there is none. */
  readonly changes: readonly ContractChange[] | null;
  readonly isAlone: boolean; // No other table is in that file.
}

export interface ProposedContracts {
  readonly proposed: readonly ProposedContract[];
  readonly others: readonly Written[]; // The documents that are there.
  readonly skipped: readonly Skipped[];
  readonly notes: readonly string[];
}

const setting = 'source.url';

/** Proposes contracts from the catalogs of the source and a sample of its rows, of which nothing but counts is kept. */
export async function proposedContracts(
  { source: { url }, database, contracts: folder }: Config,
  { tables, rows }: { readonly tables: readonly string[]; readonly rows: number },
): Promise<ProposedContracts> {
  const catalog = await readCatalog(url, null, setting);
  const where = `${setting} = ${publicUrl(url)}`;
  const asked = onlyOf(catalog, { schemas: [], tables }, where).relations.map(tableName);
  const others = await documentsIn(folder);
  const there = promisesIn(others).tables;
  // What a table points to must have a contract, or be proposed one.
  const known = new Set([...asked, ...there.map(({ physicalName }) => physicalName)]);
  const wanted = {
    ...catalog,
    relations: catalog.relations.filter((relation) => known.has(tableName(relation))),
  };
  const { looked, notes } = await sampledFrom(url, wanted, rows);
  const { proposals, skipped } = choose(wanted, database, (relation, column) =>
    guessFrom(relation, column, looked),
  );
  const files = fileNames(proposals.map(({ table }) => table));
  return {
    others,
    skipped: skipped.filter(({ table }) => asked.includes(table)),
    notes,
    proposed: proposals
      .filter(({ table }) => asked.includes(table))
      .map((each) => {
        const proposal = withHierarchies(each, looked);
        const text = contractText(proposal, database, headOf(rows));
        const own = there.find(({ physicalName }) => physicalName === proposal.table);
        return {
          proposal,
          text,
          file: own?.source ?? basename(files.get(proposal.table) ?? ''),
          changes: own ? changesFrom(own, text) : null,
          isAlone: (own?.document.tables.length ?? 1) === 1,
        };
      }),
  };
}

const headOf = (rows: number) =>
  `# Proposed by \`conductor contract propose\` from names, types and what up to ${rows} rows look like: no value was kept. Read it before you run capture.`;

const documentsIn = async (folder: string): Promise<readonly Written[]> => {
  const isThere = await readdir(folder).then(
    (names) => names.some(isContractFile),
    () => false,
  );
  return isThere ? writtenIn(folder) : [];
};

async function sampledFrom(url: string, { relations }: Catalog, rows: number): Promise<Sampled> {
  const db = ownPool(url, { name: 'conductor contract', size: 1, patient: true });
  try {
    const tables = relations.filter(({ kind }) => kind === 'table' || kind === 'partitioned');
    return await sampled(db, tables, rows);
  } catch (error) {
    throw postgresTrouble(error, setting, url);
  } finally {
    await db.dispose();
  }
}

/** A proposal whose quasi-identifiers have hierarchies, where they can be written without a value. */
function withHierarchies(proposal: Proposal, looked: Looked): Proposal {
  const notes: string[] = [];
  const columns = proposal.columns.map((column) => {
    if (!isQuasiIdentifier(proposal, column)) return column;
    const found = proposal.relation.columns.find(({ name }) => name === column.name);
    const hierarchy = hierarchyFor(column, found ? looked(proposal.relation, found) : null);
    if (hierarchy === null)
      notes.push(
        `${column.name} may single out a person together with others, and has no hierarchy yet; write the names of its tree yourself`,
      );
    return { ...column, hierarchy };
  });
  return { ...proposal, columns, notes: [...proposal.notes, ...notes] };
}

/** What the proposal would promise otherwise; its words for people, and its version, are not of it. */
function changesFrom(own: PromisedTable, text: string): readonly ContractChange[] {
  const [proposed] = readDocument(text, own.source);
  return proposed
    ? contractChanges([own], [proposed]).filter(
        ({ what }) => !/^its (?:version|status|owner) /.test(what),
      )
    : [];
}
