import { type Language, rule } from './rule.ts';

const ANSWER = `(?:responde|háblame|respóndeme|escríbeme|explícame|hazme|contesta|escribe|habla|usa|utiliza|explica|da|dame|incluye|añade|mantén|haz|sé|evita|menciona|indica|cita|termina|empieza|pon)(?:me)?`;
const FUTURE = `a partir de ahora|de ahora en adelante|desde ahora|en el futuro|por defecto|cada vez|en (?:todas )?tus respuestas|tus respuestas|de aquí en adelante`;
const CONDITION = `(?:cuando|si|siempre que|cada vez que) (?:te )?(?:pregunte|pregunto|hablo|menciono|digo|pida|pido|hable|mencione|diga)`;
const s = { at: 'sentence' } as const;

export const SPANISH: Language = {
  filler: `(?:por favor|porfa|también|y|pero|entonces|por cierto|en realidad|gracias|hola|vale|bueno|sí|ahora|mejor|además|así que|la verdad)`,
  lasting: FUTURE,
  condition: CONDITION,
  making: `(?:puedes |podrías |ayúdame a )?(?:escribe|escribir|escríbeme|redacta|redactar|crea|crear|traduce|traducir|resume|resumir|inventa|compón)(?:me)? (?:un|una|el|la|este|esta|mi)\\b`,
  rules: [
    rule(
      'instruction',
      'withdrawn',
      `(?:olvida|ignora|olvídate de) (?:todo lo que (?:te )?(?:dije|pedí)|todas mis (?:instrucciones|preferencias|reglas))(?=[,.!]|$)`,
      { reach: 'all' },
    ),
    rule(
      'instruction',
      'withdrawn',
      `(?:olvida|ignora|olvídate de) (?:lo que (?:te )?(?:dije|pedí)|lo de|mis? |la regla)`,
    ),
    rule(
      'instruction',
      'withdrawn',
      `(?:ya )?(?:puedes|no hace falta|no tienes que)(?=.*(?:volver a|otra vez|de nuevo|\\bya\\b|ahora|más|no hace falta|no tienes que))`,
      s,
    ),
    rule('fact', 'withdrawn', `ya (?:no (?:soy|prefiero|quiero|necesito|me gusta|uso)|puedo comer|como)\\b`),
    rule(
      'instruction',
      'for',
      `(?:llámame|puedes llamarme|quiero que me llames|me gustaría que me llames|dime) (?!que|qué|cómo|si |cuál|dónde|cuándo|algo|un|la|el|más|por|cuánto)(?<value>\\p{L}[\\p{L}-]*)`,
      { slot: 'name' },
    ),
    rule('preference', 'for', `mi (?<of>\\p{L}+) (?:favorit[oa]|preferid[oa]) es (?<value>[^,.;!?]{2,40})`, {
      slot: 'favourite',
    }),
    rule('fact', 'for', `(?:me llamo|mi nombre es) (?<value>\\p{L}[\\p{L}-]*)`, { slot: 'name' }),
    rule(
      'fact',
      'against',
      `soy (?:\\p{L}+ )?(?:alérgic[oa]|intolerante) (?:a los|a las|a la|al|a) (?<of>\\p{L}+)`,
      { slot: 'food' },
    ),
    rule(
      'fact',
      'against',
      `(?:no puedo (?:comer|tomar|beber)|no como|no bebo|no tolero|nunca como) (?:nada de )?(?<of>\\p{L}+)`,
      { slot: 'food' },
    ),
    rule(
      'fact',
      'for',
      `(?:soy|me he vuelto|me hice) (?<value>vegetarian[oa]|vegan[oa]|diabétic[oa]|celíac[oa])`,
      { slot: 'diet' },
    ),
    rule('fact', 'for', `(?:recuerda|no olvides|ten en cuenta|acuérdate de) que\\b`, {
      ...s,
      needs: 'making',
    }),
    rule(
      'preference',
      'for',
      `(?:(?:yo )?prefiero|preferiría|me (?:gusta|gustan|encanta|encantan) (?:más |mucho )?(?!tu |esa |eso |esta |la idea))`,
    ),
    rule('preference', 'against', `(?:no me gustan?|odio|detesto|no soporto)\\b`),
    rule(
      'instruction',
      'against',
      `nunca (?:me )?\\p{L}+(?:es|as)(?= )|no (?:me |los |las )?\\p{L}+(?:es|as) (?:[^.,]{1,60} )?nunca\\b`,
      {
        ...s,
        needs: 'making',
      },
    ),
    rule(
      'instruction',
      'against',
      `(?:no (?:uses|utilices|pongas|escribas|des|hagas|respondas|añadas)|sin|evita|nada de|deja de)(?= )`,
      { ...s, needs: 'style' },
    ),
    rule(
      'instruction',
      'for',
      `${ANSWER} siempre\\b|siempre ${ANSWER}\\b|(?:puedes|podrías) (?:\\p{L}+ )?siempre|(?:puedes|podrías) \\p{L}+ siempre`,
      { ...s, needs: 'making' },
    ),
    rule('instruction', 'for', `${CONDITION}.{1,120}, \\p{L}+`, s),
    rule(
      'instruction',
      'for',
      `(?:${FUTURE})[,:]? (?!yo |voy |vamos |ella? )(?:${ANSWER}|no|siempre|en|solo|quiero que)\\b`,
      s,
    ),
    rule(
      'instruction',
      'for',
      `(?:(?:puedes|podrías|quiero que|me gustaría que) (?:me )?(?:siempre )?(?:respond|contest|escrib|habl|us|tute)\\p{L}*|${ANSWER}|tutéame|volvamos|cambia|vuelve|respuestas)(?= )`,
      { ...s, needs: 'style' },
    ),
  ],
};
