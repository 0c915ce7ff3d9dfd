import { rule } from './rule.ts';

const STATED = `(?:what|everything|anything|all|that thing|the (?:thing|part|bit|stuff|rule|instructions?|preference|request|note)|my (?:[\\p{L}-]+ ){0,3}(?:instructions?|rules?|preferences?|requests?|wish(?:es)?|comments?|requirements?|notes?|name|allerg(?:y|ies)|diet)|the (?:[\\p{L}-]+ ){1,3}(?:rule|instructions?|preference|request))`;
const FORGET = `(?:(?:you can |please |just |let's |you may )*(?:forget|ignore|disregard|drop|scrap|cancel|undo|delete|remove|revoke|never ?mind|erase|discard|overlook|skip))`;
const TAKEN_BACK = `(?:any ?more|any longer|after all)`;
const ALLOW = `(?:you(?:'re| are)? (?:can|may|could|allowed to|free to|welcome to)|feel free to|it(?:'s| is) (?:ok|okay|fine|all right|alright|cool) (?:now )?(?:to|if you|for you to)|go ahead and|i(?:'m| am) (?:ok|okay|fine) with(?: you)?|i don't mind(?: if you| when you| you)?)`;

/**
 * How users take back in English what they said earlier. All is taken back only by words of the first person: `ignore all
 * previous instructions` is what pasted texts say that attack a model.
 */
export const WITHDRAWALS = [
  rule(
    'instruction',
    'withdrawn',
    `(?:please |just )*(?:forget|ignore|disregard|scrap|cancel) (?:about )?(?:everything|all|all of|each of)(?: of)? ?(?:that )?(?:my (?:\\w+ ){0,2}(?:instructions|rules|preferences|requests|wishes)|i(?:'ve)? (?:ever )?(?:said|told you|asked(?: you)?(?: for)?))(?: before| so far| earlier| until now)?(?=[,.;!]|$)`,
    { reach: 'all' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `(?:reset|clear|erase) (?:all )?(?:of )?my (?:instructions|preferences|rules)`,
    { reach: 'all' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `${FORGET} (?:my |the |that )(?:last|latest|previous|most recent) (?:instruction|rule|request|preference|remark)`,
    { reach: 'latest' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `${FORGET} (?:about )?${STATED}(?: i (?:said|told you|asked(?: you)?(?: for)?|mentioned|wrote))?(?: (?:about|on|regarding|concerning|of|with))?\\b`,
  ),
  rule(
    'instruction',
    'withdrawn',
    `${FORGET} (?:that|about) (?:me |my |i(?:'m| am| said| told| asked| want| like| prefer)?\\b)`,
  ),
  rule(
    'instruction',
    'withdrawn',
    `(?:you|your (?:answers|replies|responses|explanations)) (?:no longer (?:have|need)(?: to)?\\b|(?:don't (?:have|need)(?: to)?|do not (?:have|need)(?: to)?|needn't)\\b(?=.*\\b(?:${TAKEN_BACK}|from now on|now)\\b))`,
  ),
  rule(
    'instruction',
    'withdrawn',
    `(?:there(?:'s| is) )?no (?:longer any )?need (?:for you )?(?:to|for)\\b`,
    { at: 'sentence' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `you (?:don't|do not) (?:have|need) to (?:always|keep|include|add|use|mention|call|answer|reply|give|avoid|list)\\b`,
    { at: 'sentence' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `${ALLOW} (?:also |just |go back to )*(?:stop|skip|drop|leave out|quit)\\b`,
    { at: 'sentence' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `${ALLOW}\\b(?=.*\\b(?:again|now|after all|once more|as before|if it helps|when(?:ever)? (?:it|they) help)\\b)`,
    { at: 'sentence' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `${ALLOW} (?:go back to |also )*(?:use|using|answer|reply|write|speak|add|include)\\b`,
    { at: 'sentence', needs: 'style' },
  ),
  rule(
    'instruction',
    'withdrawn',
    `(?!i |we )(?:[\\p{L}-]+ ){1,4}(?:is|are) (?:fine|ok|okay|allowed|welcome|back|good|all right)(?: again| now| after all| with me)+`,
    { at: 'sentence' },
  ),
  rule(
    'fact',
    'withdrawn',
    `(?:i am|i'm) not (?:actually |really |in fact )?(?:allergic|intolerant|(?:an? )?(?:vegetarian|vegan|diabetic))\\b`,
  ),
  rule('fact', 'withdrawn', `(?!(?:i|we|you|it|that|this) )(?:[\\p{L}']+ ){1,4}no longer\\b`, {
    at: 'sentence',
  }),
  rule('fact', 'withdrawn', `(?:i am|i'm|we're|we are) no longer\\b`),
  rule(
    'fact',
    'withdrawn',
    `(?:i am|i'm|we're|we are|i turned out) not (?:to be )?(?=.*\\b${TAKEN_BACK}\\b)`,
  ),
  rule('fact', 'withdrawn', `(?:i|we)(?:'ve| have)? (?:stopped|quit|gave up|given up) being\\b`),
  rule(
    'fact',
    'withdrawn',
    `(?:i|we) (?:can|do|'m allowed to|am allowed to)? ?(?:now )?(?:eat|drink|(?<=can |to )have|tolerate|started (?:eating|drinking)|began (?:eating|drinking))\\b(?=.*\\b(?:again|now|after all|these days)\\b)`,
  ),
  rule(
    'preference',
    'withdrawn',
    `(?:i|we) no longer (?:prefer|like|love|want|need|use|enjoy|care|hate|mind|avoid)\\b`,
  ),
  rule(
    'preference',
    'withdrawn',
    `(?:i|we) (?:don't|do not) (?:\\w+ly )?(?:prefer|like|love|want|need|enjoy|care|hate|mind|avoid)\\b(?=.*\\b${TAKEN_BACK}\\b)`,
  ),
  rule('preference', 'withdrawn', `i(?:'ve| have) changed my mind (?:about|on|regarding)\\b`),
];
