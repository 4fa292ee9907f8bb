import type { MaskPlan, Treatment } from './plan.ts';

/** A column that another revision decides otherwise. */
export interface DecisionDiff {
  readonly column: string;
  readonly from: Treatment | null; // Null where one of the two has no such column.
  readonly to: Treatment | null;
}

/** What the new verdict decides otherwise than the old one, column by column; nothing where they agree. */
export function compare(
  oldVerdict: Pick<MaskPlan, 'columns'>,
  newVerdict: Pick<MaskPlan, 'columns'>,
): readonly DecisionDiff[] {
  const olds = treatments(oldVerdict);
  const news = treatments(newVerdict);
  return [...new Set([...olds.keys(), ...news.keys()])].flatMap((column) => {
    const [from, to] = [olds.get(column) ?? null, news.get(column) ?? null];
    const isSame = from?.action === to?.action && from?.to === to?.to;
    return isSame ? [] : [{ column, from, to }];
  });
}

const treatments = ({ columns }: Pick<MaskPlan, 'columns'>): ReadonlyMap<string, Treatment> =>
  new Map(columns.map(({ name, action, to }) => [name, { action, to }]));
