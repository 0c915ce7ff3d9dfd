import { type Language, rule } from './rule.ts';

const ANSWER = `(?:antworte?|schreibe?|sprich|rede|erkläre?|formuliere?|bleib(?:e)?|fass(?:e)? dich|halte?|verwende?|benutze?|nutze?|nimm|gib|sag(?:e)?|nenne?|mach(?:e)?|füge|vermeide?|zeig(?:e)?|erwähne?|liste?)`;
const FUTURE = `ab (?:jetzt|sofort|heute)|von (?:jetzt|nun) an|in zukunft|künftig|zukünftig|ab nun|grundsätzlich|standardmäßig|jedes mal|bei jeder (?:antwort|frage)|in (?:allen|deinen) antworten|deine antworten`;
const CONDITION = `(?:(?:immer )?wenn|sobald|falls) ich(?= .{0,60}\\b(?:frage|schicke|erwähne|bitte|spreche|rede|schreibe|sage|poste|zeige|teile|möchte|will|brauche)\\b)`;
const s = { at: 'sentence' } as const;

export const GERMAN: Language = {
  filler: `(?:bitte|auch|und|aber|also|ach|übrigens|eigentlich|danke|hallo|hey|gut|super|okay|doch|noch etwas|noch was|nun|dann|nein|ja|ehrlich gesagt|generell|stattdessen)`,
  lasting: FUTURE,
  condition: CONDITION,
  making: `(?:bitte )?(?:(?:kannst|könntest|würdest) du (?:mir |bitte )*|hilf mir )?(?:schreib(?!e?(?: mir)?(?: bitte)? (?:auf|in|immer|nur|kurz|bitte|keine?))|verfass|erstell|entwirf|übersetz|formulier|fass|generier|mach mir|plan)\\p{L}*(?! dich)\\b`,
  rules: [
    rule(
      'instruction',
      'withdrawn',
      `(?:vergiss|ignoriere?) (?:alle|alles|sämtliche)(?: meine)?(?: \\p{L}+)? ?(?:anweisungen|regeln|vorlieben|was ich gesagt habe)?(?=[,.!]|$)`,
      { reach: 'all' },
    ),
    rule(
      'instruction',
      'withdrawn',
      `(?:vergiss|ignoriere?|streiche?),? (?:bitte,? )?(?:was ich|das mit|die (?:sache|regel)|meine)`,
      s,
    ),
    rule('instruction', 'withdrawn', `du (?:kannst|darfst|musst) (?=.*\\b(?:wieder|nicht mehr|jetzt)\\b)`, s),
    rule(
      'fact',
      'withdrawn',
      `ich (?:bin|esse|mag|will|möchte|brauche|bevorzuge)\\b(?=.{0,60}\\b(?:nicht mehr|kein(?:e|en)? \\p{L}+ mehr|wieder)\\b)`,
    ),
    rule(
      'instruction',
      'for',
      `(?:nenne? mich |sag(?:e)? (?:bitte )?|du kannst mich )(?:bitte |einfach |jetzt |ab jetzt )*(?<value>\\p{Lu}[\\p{L}-]*)(?: nennen| zu mir)?`,
      { slot: 'name' },
    ),
    rule(
      'instruction',
      'for',
      `ich (?:möchte|will|hätte gern),? dass du mich (?<value>\\p{L}[\\p{L}-]*) nennst`,
      { slot: 'name' },
    ),
    rule('fact', 'for', `(?:meine freunde|alle|andere|die leute) nennen mich (?<value>\\p{L}[\\p{L}-]*)`, {
      slot: 'name',
    }),
    rule('preference', 'for', `mein(?:e)? lieblings(?<of>\\p{L}+) (?:ist|sind) (?<value>[^,.;!?]{2,40})`, {
      slot: 'favourite',
    }),
    rule('fact', 'for', `(?:ich heiße|mein name ist|ich bin die|ich bin der) (?<value>\\p{Lu}[\\p{L}-]*)`, {
      slot: 'name',
    }),
    rule('fact', 'against', `ich bin (?:\\p{L}+ )?allergisch (?:gegen|auf) (?<of>\\p{L}+)`, { slot: 'food' }),
    rule(
      'fact',
      'against',
      `ich (?:habe|leide (?:an|unter)) (?:eine[rn]? )?(?<of>\\p{L}+?)(?:allergie|intoleranz|unverträglichkeit)\\b`,
      { slot: 'food' },
    ),
    rule('fact', 'against', `ich (?:esse|trinke|vertrage|darf|kann)(?: \\p{L}+)? keine?n? (?<of>\\p{L}+)`, {
      slot: 'food',
    }),
    rule(
      'fact',
      'for',
      `(?:ich bin|wir sind|ich lebe) (?:jetzt |seit \\p{L}+ |überzeugter? |strikte?r? )*(?<value>vegetarier|veganer|vegetarisch|vegan|diabetiker|zöliakie)`,
      { slot: 'diet' },
    ),
    rule('fact', 'for', `(?:merk(?:e)? dir|denk(?:e)? daran|vergiss nicht|behalte? im kopf)\\b`, {
      ...s,
      needs: 'making',
    }),
    rule(
      'preference',
      'for',
      `(?:ich (?:bevorzuge|ziehe|mag .{2,50} lieber|hätte (?:\\p{L}+ )?lieber|würde lieber|möchte lieber|trinke lieber|\\p{L}+ (?:\\p{L}+ )?lieber)|mir (?:ist|sind|wäre|wären) .{2,50} lieber|am liebsten)\\b`,
    ),
    rule(
      'preference',
      'against',
      `ich (?:mag keine?n?|mag .{2,40} nicht|hasse|kann .{2,40} nicht (?:leiden|ausstehen)|verabscheue)\\b`,
    ),
    rule(
      'instruction',
      'against',
      `(?:verwende?|benutze?|nutze?|schreib(?:e)?|mach(?:e)?|gib|nimm|antworte?|nenne?)(?: mir| bitte)* (?:nie|niemals|nicht|keine?n?)(?: mehr)?\\b`,
      { ...s, needs: 'style' },
    ),
    rule(
      'instruction',
      'against',
      `(?:nie|niemals) \\p{L}+|(?:verwende?|benutze?|schreib(?:e)?|antworte?|nenne?|gib|sag(?:e)?)(?: bitte)? (?:nie|niemals)\\b`,
      { ...s, needs: 'making' },
    ),
    rule('instruction', 'against', `(?:keine|keinen|ohne|vermeide) \\p{L}+`, { ...s, needs: 'style' }),
    rule('instruction', 'for', `${ANSWER}(?: mir| bitte)* (?:immer|stets|nur noch)\\b`, {
      ...s,
      needs: 'making',
    }),
    rule('instruction', 'for', `(?:immer|stets) \\p{L}+`, { ...s, needs: 'making' }),
    rule('instruction', 'for', `${CONDITION}.{1,120}, (?:bitte |dann )*\\p{L}+e?\\b`, s),
    rule(
      'instruction',
      'for',
      `(?:${FUTURE})[,:]? (?:bitte )?(?:immer |nur |nur noch )?(?!ich|wir|er|sie|es|werde|wird|gehe)(?:${ANSWER}|auf|in|keine|nur)\\b`,
      s,
    ),
    rule(
      'instruction',
      'for',
      `(?:kannst|könntest|würdest) du(?=.*\\b(?:antworten|schreiben|sprechen|reden|verwenden|benutzen|duzen|siezen|verzichten|fassen|halten)\\b)|(?:${ANSWER}|duze?|sieze?)(?=\\s)`,
      {
        ...s,
        needs: 'style',
      },
    ),
  ],
};
