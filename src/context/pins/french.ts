import { type Language, rule } from './rule.ts';

const ANSWER = `(?:réponds|répondez|écris|écrivez|parle|parlez|utilise|utilisez|explique|donne|donnez|ajoute|ajoutez|inclus|incluez|garde|gardez|fais|sois|soyez|évite|évitez|emploie|mentionne|précise|indique|cite|termine|commence)(?:[- ]moi)?`;
const FUTURE = `à partir de maintenant|dorénavant|désormais|à l'avenir|par défaut|à chaque fois|chaque fois|dans (?:toutes )?tes réponses|tes réponses|vos réponses`;
const CONDITION = `(?:quand|lorsque|si|chaque fois que) je (?:te |vous )?(?:demande|parle|pose|mentionne|dis)`;
const s = { at: 'sentence' } as const;

export const FRENCH: Language = {
  filler: `(?:s'il te plaît|s'il te plait|s'il vous plaît|stp|svp|aussi|et|mais|alors|donc|au fait|en fait|finalement|merci|bonjour|salut|ok|oui|non|maintenant|plutôt|puis|bon|d'accord|honnêtement)`,
  lasting: FUTURE,
  condition: CONDITION,
  making: `(?:peux-tu |pouvez-vous |aide-moi à )?(?:écris|écrire|rédige|rédiger|crée|créer|traduis|traduire|résume|résumer|reformule|compose|invente)(?:[- ]moi)? (?:un|une|le|la|ce|cette|des|mon|ma)\\b`,
  rules: [
    rule(
      'instruction',
      'withdrawn',
      `(?:oublie|ignore|oubliez) (?:tout|toutes)(?: ce que j'ai (?:dit|demandé)| mes (?:instructions|préférences|règles))`,
      { reach: 'all' },
    ),
    rule(
      'instruction',
      'withdrawn',
      `(?:oublie|ignore|oubliez|ignorez) (?:ce que j'ai (?:dit|demandé)|mes? |ma |la règle|l'histoire)`,
    ),
    rule(
      'instruction',
      'withdrawn',
      `tu (?:peux|n'as plus besoin|n'es plus obligé)(?=.*(?:de nouveau|à nouveau|plus besoin|plus obligé|maintenant))`,
      s,
    ),
    rule(
      'fact',
      'withdrawn',
      `je (?:ne suis plus|n'aime plus|ne préfère plus|peux (?:de nouveau|à nouveau|maintenant) manger|remange)`,
    ),
    rule(
      'instruction',
      'for',
      `(?:(?:appelle|appelez)-moi|(?:je (?:voudrais|veux|préfère)|j'aimerais) que tu m'appelles) (?:plutôt |simplement |juste )?(?<value>\\p{L}[\\p{L}'-]*)|tu peux m'appeler \\p{L}+`,
      { slot: 'name' },
    ),
    rule(
      'preference',
      'for',
      `m(?:a|on) (?<of>\\p{L}+) (?:préférée?|favorite?) est (?<value>[^,.;!?]{2,40})`,
      { slot: 'favourite' },
    ),
    rule(
      'fact',
      'for',
      `(?:je m'appelle|mon (?:nom|prénom) est|mon (?:nom|prénom) c'est) (?<value>\\p{L}[\\p{L}'-]*)`,
      { slot: 'name' },
    ),
    rule(
      'fact',
      'against',
      `je suis (?:\\p{L}+ )?(?:allergique|intolérante?) (?:aux?|à la|à l'|à|au) ?(?<of>\\p{L}+)`,
      { slot: 'food' },
    ),
    rule(
      'fact',
      'against',
      `je ne (?:mange|bois|peux pas manger|supporte|dois pas manger|tolère)(?: pas| plus| jamais)? (?:de |d'|du )?(?<of>\\p{L}+)`,
      { slot: 'food' },
    ),
    rule(
      'fact',
      'for',
      `je suis (?:devenue? |\\p{L}+ment )?(?<value>végétarien(?:ne)?|végane?|vegane?|diabétique|cœliaque|coeliaque)`,
      { slot: 'diet' },
    ),
    rule(
      'fact',
      'for',
      `(?:souviens-toi|rappelle-toi|n'oublie pas|garde en tête|retiens|note)(?: bien)? (?:que|qu')`,
      { ...s, needs: 'making' },
    ),
    rule(
      'preference',
      'for',
      `(?:je|j') ?(?:préfère|préférerais|aimerais mieux|aime mieux|adore|aime (?:beaucoup|bien) (?!ton|ta|tes|cette|ce ))`,
    ),
    rule('preference', 'for', `j'aime (?:que|quand) tu`),
    rule(
      'preference',
      'against',
      `(?:je déteste|je n'aime pas|je n'aime pas trop|j'ai horreur de|je ne supporte pas)\\b`,
    ),
    rule('instruction', 'against', `n(?:e |')(?:me |m')?\\p{L}+ (?:plus )?jamais\\b`, {
      ...s,
      needs: 'making',
    }),
    rule(
      'instruction',
      'against',
      `(?:n['e ]\\s?(?:utilise|utilisez|emploie|mets|fais|donne|ajoute|réponds|écris) (?:pas|plus)|pas d[e']|plus de|sans|évite|évitez|arrête)`,
      { ...s, needs: 'style' },
    ),
    rule('instruction', 'for', `${ANSWER} (?:toujours|systématiquement)\\b`, { ...s, needs: 'making' }),
    rule('instruction', 'for', `toujours \\p{L}+`, { ...s, needs: 'making' }),
    rule('instruction', 'for', `${CONDITION}.{1,120}, (?:merci de )?\\p{L}+`, s),
    rule(
      'instruction',
      'for',
      `(?:${FUTURE})[,:]? (?:merci de )?(?!je |j'|nous |il |elle |on )(?:${ANSWER}|ne|n'|toujours|en)`,
      s,
    ),
    rule(
      'instruction',
      'for',
      `(?:(?:peux-tu|pourrais-tu|pouvez-vous|tu peux|je veux que tu|j'aimerais que tu) (?:toujours )?(?:répond|écri|parl|utilis|me tutoyer|me vouvoyer)\\p{L}*|${ANSWER}|tutoie|vouvoie|tutoyez|vouvoyez|revenons|passe|passons|reviens|réponses)(?=[ -])`,
      { ...s, needs: 'style' },
    ),
  ],
};
