import { type Hierarchy, topOf } from '../contracts/hierarchy.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Value } from '../schemas/value.ts';

/** The class of a value at a level: 0 gives its text, the greatest level `*`. */
export type Generaliser = (value: Exclude<Value, null>, level: number) => string;

/** `place` names the column in errors. A value that the hierarchy does not cover is refused: it would be in no class. */
export function generaliser(hierarchy: Hierarchy, place: string): Generaliser {
  const top = topOf(hierarchy);
  const classOf = classes(hierarchy, (what) => {
    throw new Refusal(
      'uncovered',
      `${place}: a value is ${what}, so that it has no class; widen the column's hierarchy`,
    );
  });
  return (value, level) => {
    if (level <= 0) return `${value}`;
    return level >= top ? '*' : classOf(value, level - 1);
  };
}

type Classes = (value: Exclude<Value, null>, at: number) => string;

function classes(hierarchy: Hierarchy, uncovered: (what: string) => never): Classes {
  switch (hierarchy.kind) {
    case 'intervals': {
      const { from, to, widths } = hierarchy;
      return (value, at) => {
        const number = typeof value === 'boolean' || value === '' ? Number.NaN : Number(value);
        if (!(number >= from && number < to)) return uncovered(`not from ${from} to below ${to}`);
        const width = widths[at] ?? to - from;
        const start = from + Math.floor((number - from) / width) * width;
        return `[${rounded(start)},${rounded(Math.min(start + width, to))})`;
      };
    }
    case 'tree': {
      const { above } = hierarchy;
      return (value, at) => above.get(`${value}`)?.[at] ?? uncovered('not in its tree');
    }
    case 'prefixes': {
      const { lengths } = hierarchy;
      return (value, at) => {
        const letters = Array.from(`${value}`);
        const [longest = 0] = lengths;
        // Else the whole of it would be told.
        if (letters.length <= longest) return uncovered(`not longer than ${longest} letters`);
        return `${letters.slice(0, lengths[at]).join('')}*`;
      };
    }
  }
}

/** Of a bound as a person would write it: sums of decimal fractions are off by a little. */
const rounded = (bound: number) => Number(bound.toPrecision(12));
