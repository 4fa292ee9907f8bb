import type { Destroyed } from '../../contracts/keys/keyring-admin.ts';

/** What was destroyed, for people; that it was nothing is said first of all. */
export const destroyedText = ({ versions, rewrapped }: Destroyed): string =>
  [
    versions === 0
      ? 'no key was destroyed: the keyring has none of this subject, or none any more; if rows of his were captured, see that --tenant, --table and --subject are written as in the source'
      : `${versions} keys are destroyed`,
    `none will be made of this subject; ${rewrapped} keys of others were wrapped anew`,
    'copies of both files of the keyring from before open as long as the root key of then does: rotate it, and finish',
  ].join('\n');
