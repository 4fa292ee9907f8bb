import type { Config } from '../../contracts/config.ts';
import { EvidenceLog } from '../../pipelines/prove/evidence-log.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';
import type { LettersNotice } from '../../schemas/letters-notice.ts';
import { logSettings } from '../worker/open-prove.ts';

/** Signs what was decided about letters, once, in the log of all that is proved; false where there is none. */
export async function signNotice(
  letters: { readonly config: Config; readonly kafka: KafkaOptions },
  notice: LettersNotice,
): Promise<boolean> {
  if (!letters.config.provenance) return false;
  await using log = await EvidenceLog.open(logSettings(letters));
  await log.append((evidence) =>
    evidence.letters.has(notice.job) ? [] : [{ kind: 'letters', notice }],
  );
  return true;
}
