import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';

/** Seals for one new subject after another until it is told to stop, and tells each key once it is saved. */
const [, , directory = '', rootKey = '', name = ''] = process.argv;
await using keyring = await fileKeyring(directory, fileRootKey(rootKey), rootKey);
let isOver = false;
process.once('message', () => (isOver = true));
for (let n = 0; !isOver; n++) {
  const owned = keyring.keyOf({ tenant: '1', domain: 'd', subject: `${name}/${n}` });
  if (owned === 'destroyed') throw new Error('nobody was erased');
  await keyring.saved();
  process.send?.([owned.ref.toString('hex'), owned.key.export().toString('hex')]);
}
process.disconnect();
