import { type Classification, isConfidential, type Rule } from './contract.ts';
import type { Hierarchy } from './hierarchy.ts';
import { lattice } from './strictness.ts';
import { coarserBy, ownerOf, ruleOf, sensitivityOf } from './odcs-checks.ts';
import type { PromisedColumn, PromisedTable } from './odcs-document.ts';
import { propertyOf } from './property-of.ts';
import { changed, type Said } from './said.ts';
import { typeName } from './type-name.ts';

/** What two contracts of a table promise otherwise of its columns. */
export function columnChanges(
  was: PromisedTable,
  is: PromisedTable,
): readonly (Said & { readonly column: string })[] {
  const names = new Set([...was.properties, ...is.properties].map(({ name }) => name));
  return [...names].flatMap((column) => {
    const [before, after] = [named(was, column), named(is, column)];
    const all =
      before && after
        ? [
            ...valueChanges(before, after),
            ...secrecyChanges(before, after),
            ...hierarchyChanges(coarserBy(before), coarserBy(after)),
            ...formChanges(before, after),
            ...pointerChanges(before, after, isOfDomain(before, was) || isOfDomain(after, is)),
          ]
        : [after ? added(after) : removed];
    return all.map((said) => ({ column, ...said }));
  });
}

const named = ({ properties }: PromisedTable, column: string) =>
  properties.find(({ name }) => name === column);

const removed: Said = {
  what: 'is not promised any more',
  breaks: 'it is dropped on its way, and its readers miss it',
};

const added = (column: PromisedColumn): Said => ({
  what: `is new: ${column.classification}, ${ruleOf(column)}`,
  breaks: null,
});

function valueChanges(was: PromisedColumn, is: PromisedColumn): readonly Said[] {
  const [then, now] = [typeName(was.physicalType), typeName(is.physicalType)];
  const loosened = (thing: 'required' | 'unique', breaks: string): readonly Said[] => {
    const [before, after] = [was[thing] ?? false, is[thing] ?? false];
    if (before === after) return [];
    return [
      {
        what: after ? `is ${thing} now` : `is not ${thing} any more`,
        breaks: before ? breaks : null,
      },
    ];
  };
  return [
    ...changed('its type', then, now, 'its readers decode the other'),
    ...loosened('required', 'its readers meet null'),
    ...loosened('unique', 'its readers meet a value twice'),
  ];
}

const secrecy: readonly Classification[] = ['public', 'internal', 'confidential', 'restricted'];
const harm = ['low', 'medium', 'high'] as const;

function secrecyChanges(was: PromisedColumn, is: PromisedColumn): readonly Said[] {
  return [
    ...ruleChange(ruleOf(was), ruleOf(is)),
    ...classChange(was, is),
    ...sensitivityChange(was, is),
  ];
}

function ruleChange(was: Rule, is: Rule): readonly Said[] {
  if (was === is) return [];
  const [how, breaks] =
    lattice.indexOf(is) < lattice.indexOf(was)
      ? ['is loosened', 'what was withheld from its readers is told to them']
      : ['is tightened', 'its readers find less than before'];
  return [{ what: `its rule ${how}: ${was} before, ${is} now`, breaks }];
}

function classChange(was: PromisedColumn, is: PromisedColumn): readonly Said[] {
  const [then, now] = [was.classification, is.classification];
  if (then === now) return [];
  const lowered = secrecy.indexOf(now) < secrecy.indexOf(then);
  const what = `is classified ${now}, ${lowered ? 'lower' : 'higher'} than ${then}`;
  if (isConfidential(was) && !isConfidential(is))
    return [{ what, breaks: 'what was sealed leaves the source in the clear' }];
  if (lowered) return [{ what, breaks: 'policy may tell more of it' }];
  const sealed = isConfidential(is) && !isConfidential(was);
  return [{ what, breaks: sealed ? 'it is sealed now: readers of cdc.* miss it' : null }];
}

function sensitivityChange(was: PromisedColumn, is: PromisedColumn): readonly Said[] {
  const [then, now] = [sensitivityOf(was), sensitivityOf(is)];
  const lowered = harm.indexOf(now) < harm.indexOf(then);
  return changed('its sensitivity', then, now, lowered ? 'policy may tell more of it' : null);
}

function hierarchyChanges(was: Hierarchy | null, is: Hierarchy | null): readonly Said[] {
  if (textOf(was) === textOf(is)) return [];
  if (!was) return [{ what: 'has a hierarchy now', breaks: null }];
  if (!is)
    return [{ what: 'has no hierarchy any more', breaks: 'it cannot be generalised any more' }];
  if (textOf({ ...was, level: is.level }) === textOf(is))
    return [
      {
        what: `is generalised to level ${is.level}, not ${was.level}`,
        breaks:
          is.level < was.level
            ? 'its readers are told more than before'
            : 'its readers find less than before',
      },
    ];
  return [{ what: 'its hierarchy is another', breaks: 'its classes do not meet those of before' }];
}

const textOf = (hierarchy: Hierarchy | null): string =>
  JSON.stringify(hierarchy, (_, value: unknown) => (value instanceof Map ? [...value] : value));

const formChanges = (was: PromisedColumn, is: PromisedColumn): readonly Said[] =>
  changed(
    'its tokenForm',
    propertyOf(was, 'tokenForm'),
    propertyOf(is, 'tokenForm'),
    'its tokens are others: nothing meets what was made before',
  );

/** Whether tokens or keys are made of a column, in the domain of what it points to. */
const isOfDomain = (column: PromisedColumn, table: PromisedTable) =>
  ruleOf(column) === 'tokenise' || ownerOf(table, 'subject') === column.name;

function pointerChanges(
  was: PromisedColumn,
  is: PromisedColumn,
  ofDomain: boolean,
): readonly Said[] {
  const [then, now] = [was.relationships[0]?.to ?? null, is.relationships[0]?.to ?? null];
  if (then === now) return [];
  const breaks = ofDomain
    ? 'its tokens, or the keys of its rows, are of another domain: nothing meets what was made before'
    : then === null
      ? null
      : 'queries follow it';
  return [{ what: `points to ${now ?? 'nothing'}, and did to ${then ?? 'nothing'}`, breaks }];
}
