import { boundText, isAsStrict } from './bounds.ts';
import type { PromisedTable } from './odcs-document.ts';
import { type QualityRule, severities } from './quality.ts';
import { changed, type Said } from './said.ts';
import { daysOf, type Retention, retentionText, termsOf } from './terms.ts';

/** What two contracts of a table promise otherwise of its owner, its status, how long its rows are kept and how good they are. */
export function termsChanges(wasTable: PromisedTable, isTable: PromisedTable): readonly Said[] {
  const [was, is] = [termsOf(wasTable), termsOf(isTable)];
  return [
    ...changed('its owner', was.owner, is.owner, null),
    ...changed('its status', was.status, is.status, null),
    ...changed('its version', was.version, is.version, null),
    ...retentionChanges(was.retention, is.retention),
    ...qualityChanges(was.quality, is.quality),
  ];
}

function retentionChanges(was: Retention | null, is: Retention | null): readonly Said[] {
  const text = (retention: Retention | null) => (retention ? retentionText(retention) : null);
  const isLonger = was && (!is || daysOf(is) > daysOf(was));
  const isShorter = was && is && daysOf(is) < daysOf(was);
  return changed(
    'its retention',
    text(was),
    text(is),
    isLonger
      ? 'rows are kept for longer than was promised to those they are about'
      : isShorter
        ? 'its readers find less of the past'
        : was
          ? 'how old a row is goes by another column'
          : null,
  );
}

/** Rules are the same where they measure the same; what they are called does not matter. */
function qualityChanges(was: readonly QualityRule[], is: readonly QualityRule[]): readonly Said[] {
  const left = [...is];
  const gone = was.flatMap((rule): readonly Said[] => {
    const at = left.findIndex((other) => measureText(other) === measureText(rule));
    const [now] = at === -1 ? [] : left.splice(at, 1);
    if (!now)
      return [
        {
          what: `its quality rule "${rule.title}" is gone`,
          breaks: 'its readers rely on what nobody measures any more',
        },
      ];
    return boundChanges(rule, now);
  });
  return [
    ...gone,
    ...left.map(({ title, bound }) => ({
      what: `has a quality rule "${title}" now: ${boundText(bound)}`,
      breaks: null,
    })),
  ];
}

function boundChanges(was: QualityRule, is: QualityRule): readonly Said[] {
  const [then, now] = [boundText(was.bound), boundText(is.bound)];
  const strict = isAsStrict(is.bound, was.bound);
  const severity = changed(
    `the severity of its quality rule "${is.title}"`,
    was.severity,
    is.severity,
    severities.indexOf(is.severity) > severities.indexOf(was.severity)
      ? 'who relies on it is told less loudly'
      : null,
  );
  if (then === now) return severity;
  return [
    {
      what: `its quality rule "${is.title}" is ${strict ? 'tightened' : 'loosened'}: ${then} before, ${now} now`,
      breaks: strict ? null : 'its readers meet what was ruled out',
    },
    ...severity,
  ];
}

const measureText = ({ metric, unit }: QualityRule): string => JSON.stringify([metric, unit]);
