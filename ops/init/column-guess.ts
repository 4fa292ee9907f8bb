import type { Classification, Rule } from '../../contracts/contract.ts';
import type { Column, Family } from './catalog.ts';
import { isThing, looksLikeThings, wordsOf } from './name-words.ts';

/** What a column may hold, by its name and type alone. What cannot be told is `unclear`, and never kept. */
export interface Guess {
  readonly sort: 'open' | 'sensitive' | 'unclear';
  readonly classification: Classification;
  readonly rule: Rule;
  readonly why: string;
  readonly isGrave?: boolean; // It would hurt more than most of what is confidential.
}

/** Guesses what a column of a table holds. */
export function guessColumn(table: string, { name, type, family }: Column): Guess {
  const words = wordsOf(name);
  const text = `_${words.join('_')}_`;
  for (const { named, families, ...rest } of sensitive)
    if (families.includes(family) && tells(text, named, family))
      return { sort: 'sensitive', ...rest };
  if (family === 'network') return network;
  if (family === 'place') return place;
  if (family !== 'text' && family !== 'other')
    return open(words.at(-1) === 'id' ? 'an identifier' : byFamily[family]);
  return guessText(table, words, type);
}

/** Whether a name says that the thing itself is in the column, and not what kind of it, how many, or which row has it. */
function tells(text: string, named: RegExp, family: Family): boolean {
  const found = named.exec(text);
  if (!found) return false;
  const rest = text.slice(found.index + found[0].length - 1);
  if (/_(?:type|kind|status)_$/.test(rest)) return false;
  const counted = family === 'number' || family === 'uuid';
  return !(counted && /_(?:id|count|total|limit|attempts|index|position|size|length)_$/.test(rest));
}

const open = (why: string): Guess => ({
  sort: 'open',
  classification: 'internal',
  rule: 'keep',
  why,
});

const unclear = (why: string): Guess => ({
  sort: 'unclear',
  classification: 'confidential',
  rule: 'mask',
  why,
});

const byFamily: Readonly<Record<Exclude<Family, 'text' | 'other' | 'network' | 'place'>, string>> =
  {
    flag: 'a yes or no',
    number: 'a number',
    range: 'a range',
    time: 'a time',
    choice: 'one of a fixed list',
    uuid: 'an identifier',
  };

/** Text may say anything: only a name that is known to be harmless opens it. */
function guessText(table: string, words: readonly string[], type: string): Guess {
  const last = words.at(-1) ?? '';
  const ofThing = words.length > 1 ? isThing(words.at(-2) ?? '') : looksLikeThings(table);
  if (last === 'name' && !ofThing) return personal('mask', 'a name');
  if (harmless.test(last)) return open(`"${last}" names an identifier or a choice`);
  if (/^(?:name|title|label|description|summary)$/.test(last) && ofThing)
    return open('describes a thing, not a person');
  if (/^character(?: varying)?\([1-3]\)$/.test(type)) return open('a short code, by its type');
  return unclear(
    freeText.test(last)
      ? 'free text: may tell anything of anybody'
      : 'its name does not tell what is in it',
  );
}

const harmless =
  /^(?:id|uuid|guid|key|code|sku|ean|isbn|barcode|slug|ref|reference|number|no|nr|status|state|stage|phase|type|kind|category|class|country|currency|locale|language|lang|timezone|tz|plan|tier|role|level|priority|severity|unit|color|colour|size|version|revision|environment|env|method|channel|source|platform|os|format|extension|direction|frequency|interval|period|event|operation|action|provider|gateway|carrier)$/;
const freeText =
  /^(?:notes?|comments?|message|body|content|bio|biography|about|remarks?|description|text|feedback|reason|summary|subject|transcript|memo|bemerkung|kommentar|beschreibung)$/;

interface Sensitive {
  readonly named: RegExp;
  readonly families: readonly Family[];
  readonly classification: Classification;
  readonly rule: Rule;
  readonly why: string;
  readonly isGrave?: boolean;
}

const whole = (names: string) => new RegExp(`_(?:${names})_`);
const written: readonly Family[] = ['text', 'other'];
const numbered: readonly Family[] = ['text', 'other', 'number'];
const keyed: readonly Family[] = ['text', 'other', 'uuid'];
const every: readonly Family[] = [
  ...numbered,
  'uuid',
  'time',
  'range',
  'choice',
  'flag',
  'network',
  'place',
];

const personal = (rule: Rule, why: string): Guess => ({
  sort: 'sensitive',
  classification: 'confidential',
  rule,
  why,
});
const network = personal('tokenise', 'a network address');
const place = personal('mask', 'a place');

const confidential = (names: string, families: readonly Family[], rule: Rule, why: string) =>
  ({ named: whole(names), families, classification: 'confidential', rule, why }) as const;
const grave = (names: string, families: readonly Family[], rule: Rule, why: string) => ({
  ...confidential(names, families, rule, why),
  isGrave: true,
});
const restricted = (names: string, families: readonly Family[], why: string) =>
  ({ named: whole(names), families, classification: 'restricted', rule: 'drop', why }) as const;

/** The first that fits counts. What is joined by is tokenised, what is only read is masked. */
const sensitive: readonly Sensitive[] = [
  restricted(
    '(?:password|passwd|passwort|pwd|passphrase|secret|salt|hash|hashed|digest|credentials?|private_key|api_?key|otp|totp|mfa|recovery_codes?)',
    [...keyed, 'number'],
    'a secret',
  ),
  restricted(
    '(?:access|refresh|auth|oauth|reset|api|bearer|csrf|confirmation|remember|verification|invitation|id)_token',
    keyed,
    'a token that lets in',
  ),
  restricted(
    'pin|pin_code|cvv|cvc|card_number|card_no|credit_card|cc_number|pan',
    numbered,
    'of a payment card',
  ),
  confidential(
    'ip|ips|ip_?addr(?:ess)?|ipv[46]|remote_addr|mac|mac_?addr(?:ess)?',
    [...written, 'network'],
    'tokenise',
    'a network address',
  ),
  confidential('e_?mails?|mail', written, 'tokenise', 'an e-mail address'),
  confidential(
    'phone|phones|mobile|telephone|telefon|telefono|tel|fax|msisdn|cell',
    numbered,
    'tokenise',
    'a telephone number',
  ),
  grave(
    'ssn|social_security|national_id|tax_id|passport|drivers?_licen[cs]e|licen[cs]e_number|id_card|identity_number|personal_number|nhs_number|steuernummer|steuer_id|dni|cpf|curp',
    numbered,
    'tokenise',
    'a number that an authority gave',
  ),
  grave(
    'iban|bic|swift|account_number|account_no|routing_number|sort_code|bank_account|kontonummer',
    numbered,
    'tokenise',
    'of a bank account',
  ),
  confidential(
    'token|tokens|session_key|cookie|fingerprint|device_id|advertising_id|idfa|imei|imsi',
    keyed,
    'tokenise',
    'a token, or of a device',
  ),
  confidential(
    'user_?name|login|handle|nick|nick_?name|screen_name|display_name|benutzername',
    written,
    'tokenise',
    'a name that one logs in by',
  ),
  confidential(
    '(?:first|last|full|middle|given|family|sur|maiden|legal|contact|customer|user|person|employee|patient|holder|owner|author|recipient|sender|billing|shipping)_?names?|[fl]name|surname|forename|vorname|nachname|nom|prenom|nombre|apellidos?|initials|signature',
    written,
    'mask',
    'a name of a person',
  ),
  confidential(
    'birth|birthday|birth_?date|dob|born|geburt\\w*|naissance|nacimiento|death|deceased|age|alter',
    [...numbered, 'time'],
    'mask',
    'of birth or death',
  ),
  confidential(
    'address|addresses|addr|address_line\\w*|street|strasse|zip|zip_?code|post_?code|postal|postal_code|plz|city|town|village|adresse|anschrift|direccion|house_number|apartment|latitude|longitude|lat|lng|lon|geo|coordinates?|gps|location',
    [...numbered, 'place'],
    'mask',
    'where somebody is',
  ),
  grave(
    'gender|sex|religio\\w+|ethnic\\w*|race|nationality|marital|marital_status|health|diagnos\\w+|disease|medical|medication|blood|blood_type|disab\\w+|pregnan\\w+|sexual\\w*|biometric\\w*|genetic\\w*|criminal\\w*|convict\\w+',
    every,
    'mask',
    'of the kind that the law protects most',
  ),
  grave(
    'salary|income|wages?|net_worth|credit_score|gehalt|compensation',
    numbered,
    'mask',
    'what somebody earns or owes',
  ),
  confidential('user_agent|device', written, 'mask', 'tells of a device'),
];
