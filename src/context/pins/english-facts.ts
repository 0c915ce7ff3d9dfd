import { rule } from './rule.ts';
import { LANGUAGE } from './slots.ts';

const ADVERBS = `(?:(?:really|already|much|generally|usually|strongly|personally|always|still|do|also|definitely|typically|tend to|just|mostly|normally|actually|absolutely|totally|kinda|kind of|sort of|sorta|honestly|particularly|especially|rather|quite|now|\\w+ly) )*`;
const EAT = `(?:eat|drink|tolerate|digest|stomach|consume)`;
const FOODS = `(?:gluten|dairy|lactose|milk|nuts?|peanuts?|eggs?|soy|wheat|meat|pork|beef|fish|shellfish|seafood|sugar|alcohol|caffeine|coffee|bread|sesame|cheese)`;
const DIETS = `(?:vegetarian|vegan|pescatarian|flexitarian|coeliac|celiac|diabetic|lactose[- ]intolerant|gluten[- ]intolerant|gluten[- ]free|dairy[- ]free|kosher|halal|keto|teetotal(?:er)?|plant[- ]based|paleo|(?:low|no|high)[- ](?:carb|sodium|salt|fat|sugar|fodmap|protein|fib(?:er|re)))`;
const CONDITIONS = `(?:colou?r[- ]?blind|dyslexic|deaf|blind|hard of hearing|visually impaired|hearing impaired|autistic|left[- ]handed|epileptic|asthmatic|pregnant|short[- ]sighted|in a wheelchair)`;
const ILLNESSES = `(?:coeliac|celiac|diabetes|adhd|asthma|dyslexia|epilepsy|high blood pressure|ibs|arthritis|migraines?|autism|anxiety disorder|a heart condition|poor eyesight)`;

/** Facts about users that answers must respect, in English. */
export const FACTS = [
  rule(
    'fact',
    'for',
    `(?:my (?:first |full |real |actual )?name(?:'s| is)|i go by|(?:my friends|friends|people|everyone|everybody|my family)(?: [\\p{L}]+){0,2} calls? me|the name(?:'s| is)|people (?:usually |mostly |often )?call me|i(?:'m| am) (?:called|known as)|they call me)(?: actually| just)? (?!not|on|in|too|very|often|hard|spelled|spelt|pronounced|always|never|at|the|a |an |my|also|one|listed|so)(?<value>["“']?[\\p{L}][\\p{L}'.-]*)`,
    { slot: 'name' },
  ),
  rule(
    'fact',
    'for',
    `(?:(?:hi|hello|hey)(?: there)?[,!.]? (?:i'm|i am|this is|it's) (?<value>(?-i:\\p{Lu}\\p{Ll}+))(?=[.,!]|$| and\\b| from\\b| here\\b))`,
    { slot: 'name', at: 'sentence' },
  ),
  rule(
    'fact',
    'for',
    `(?:i'm|i am) (?<value>(?-i:\\p{Lu}\\p{Ll}+))(?=,? (?:nice|pleased|glad|good) to meet)`,
    { slot: 'name' },
  ),
  rule('fact', 'for', `i go by my (?:middle|last|second|maiden|nick) ?name,? (?<value>[\\p{L}'-]+)`, {
    slot: 'name',
  }),
  rule(
    'fact',
    'for',
    `i(?:'d| would)? (?:prefer|like) to be (?:called|addressed as|known as) (?<value>[\\p{L}"'“.-]+)`,
    { slot: 'name' },
  ),
  rule('fact', 'for', `my pronouns are (?<value>[\\p{L}/]+)`, { slot: 'pronouns' }),
  rule('fact', 'for', `i use (?<value>(?:she|he|they|ze)(?:/| and )[\\p{L}]+)(?: pronouns)?`, {
    slot: 'pronouns',
  }),
  rule(
    'fact',
    'against',
    `(?:i am|i'm|we are|we're) ${ADVERBS}(?:allergic|intolerant|sensitive) to (?<of>[\\p{L}-]+(?: (?!and|or|so|which|that|but)[\\p{L}-]+)?)`,
    { slot: 'food' },
  ),
  rule(
    'fact',
    'against',
    `i(?:'ve got| have| suffer from)(?: got)? (?:a |an |some )?(?:\\w+ )?(?<of>[\\p{L}-]+) (?:allerg(?:y|ies)|intolerance)\\b`,
    { slot: 'food' },
  ),
  rule('fact', 'against', `i(?:'ve got| have)? (?:an )?(?:allergy|intolerance) to (?<of>[\\p{L}-]+)`, {
    slot: 'food',
  }),
  rule(
    'fact',
    'against',
    `(?<of>[\\p{L}]+) (?:makes? me (?:sick|ill)|(?:gives?|triggers?) me (?:hives|migraines|a rash)|is off limits for me|doesn't agree with me|disagrees with me|upsets? my stomach|(?:could|would|can|will|might) (?:kill me|send me to (?:the )?hospital|make me (?:ill|sick))|(?:is|are) a no-go for me)\\b`,
    { slot: 'food' },
  ),
  rule(
    'fact',
    'against',
    `(?:i|we) (?:\\w+ly )?(?:can't|cannot|can not|don't|do not|won't|will not|mustn't|must not|shouldn't|should not|never|am not allowed to|'m not allowed to)(?: \\w+ly| ever| even)? ${EAT} (?!and\\b|or\\b|enough|much|well|more|that|it\\b|this|here|out|at|there|before|after|breakfast|lunch|dinner|properly|as|right)(?:any |anything (?:with|containing|that has) )?(?<of>[\\p{L}-]+)`,
    { slot: 'food' },
  ),
  rule(
    'fact',
    'against',
    `(?:i|we) (?:\\w+ly )?(?:can't|cannot|can not|don't|mustn't|shouldn't|am not allowed to|'m not allowed to)(?: \\w+ly)? (?:have|do|touch|handle|take) (?:any )?(?<of>${FOODS})\\b`,
    { slot: 'food' },
  ),
  rule(
    'fact',
    'against',
    `(?:i|we)(?:'ve| have)? (?:stopped|quit|gave up|given up|cut out|cut down on)(?: (?:eating|drinking|on))? (?<of>[\\p{L}-]+)(?= |[.,!]|$)(?<=(?:eating|drinking) [\\p{L}-]+|${FOODS})`,
    { slot: 'food' },
  ),
  rule(
    'fact',
    'against',
    `i(?:'m| am) (?:trying to (?:avoid|cut out|give up|quit)|off|cutting out|giving up|staying off) (?<of>${FOODS}|carbs|sweets)`,
    { slot: 'food' },
  ),
  rule(
    'fact',
    'against',
    `i (?:react badly to|get (?:sick|ill|hives|a rash|migraines) from|break out in [\\p{L}]+ when i eat|am supposed to avoid|have to avoid|need to avoid|must avoid) (?<of>[\\p{L}-]+)`,
    { slot: 'food' },
  ),
  rule(
    'fact',
    'against',
    `my (?:doctor|dietitian|nutritionist|gp|allergist) (?:told|advised|asked|wants) me to (?:avoid|cut out|stay away from|give up) (?<of>[\\p{L}-]+)`,
    { slot: 'food' },
  ),
  rule('fact', 'against', `no (?<of>${FOODS}) for (?:me|us)\\b`, { slot: 'food' }),
  rule(
    'fact',
    'for',
    `(?:for your information|fyi|(?:just )?a heads[- ]up|just so you(?:'re aware| know)|so you know|note|for the record|reminder)[,:]? (?:that )?(?:i|i'm|i've|my|we|our|we're)\\b`,
    { at: 'sentence', needs: 'making' },
  ),
  rule('fact', 'against', `(?:i|we) (?:don't|do not|never|no longer) drink(?: at all)?(?=[,.;!]|$)`, {
    slot: 'diet',
  }),
  rule(
    'fact',
    'for',
    `(?:(?:[\\p{L}]+ ){1,3}and i are(?: both)?|i am|i'm|we are|we're|i've been|i have been|i became|i've become|i've gone|i went|i've turned|i turned|i'm going|i identify as)(?: an?)? ${ADVERBS}(?:(?:a|an|strict|mostly|lifelong|type \\d|former) )*(?<value>${DIETS})\\b`,
    { slot: 'diet' },
  ),
  rule('fact', 'for', `(?:being|as) (?:an? )?(?:\\w+ )?(?<value>${DIETS})(?=[, ])`, {
    slot: 'diet',
    at: 'sentence',
  }),
  rule(
    'fact',
    'for',
    `(?:i|we) (?:\\w+ly )?(?:eat|keep|follow|stick to|are on)(?: a| an| only| strictly)? (?:\\w+ )?(?<value>${DIETS}|no meat|only plants)\\b`,
    { slot: 'diet' },
  ),
  rule('fact', 'for', `i(?:'m| am) on (?:an? )?(?:strict |mostly )?(?<value>${DIETS})`, { slot: 'diet' }),
  rule('fact', 'for', `(?:i am|i'm) ${ADVERBS}(?:red-green )?${CONDITIONS}\\b`),
  rule(
    'fact',
    'for',
    `i(?:'ve got| have| suffer from| live with)(?: got| been diagnosed with)? (?:\\w+ )?${ILLNESSES}\\b`,
  ),
  rule(
    'fact',
    'for',
    `i (?:use|wear|rely on|work with|read with) (?:a |an )?(?:screen reader|braille|voice ?over|wheelchair|hearing aids?)`,
  ),
  rule(
    'fact',
    'for',
    `i(?:(?:'m| am) on| use| run| work on| work with)(?: a| an)? (?<value>windows|linux|ubuntu|mac(?:os|book)?|android|iphone)\\b`,
    { slot: 'tool' },
  ),
  rule(
    'fact',
    'for',
    `(?=.{5,200}[,;–—-] ?(?:and |so |but )?(?:please )?(?:(?:keep|bear) (?:that|this|it) in mind|(?:remember|don't forget) (?:that|this|it))[.!]*$)(?:i|my|we|our|the|[\\p{L}]+)\\b`,
    { at: 'sentence', needs: 'making' },
  ),
  rule('fact', 'for', `my time ?zone is|i(?:'m| am) (?:in|on) the [\\p{L} ]{2,30}time ?zone`),
  rule(
    'fact',
    'for',
    `my (?:native|first|mother) (?:language|tongue) is|i (?:only speak|speak only|speak no|don't speak|do not speak|can't read|don't understand(?: any)?) (?:much )?(?:${LANGUAGE})`,
  ),
  rule('fact', 'for', `(?:i am|i'm) not (?:very )?(?:good at|fluent in) (?:${LANGUAGE})`),
  rule(
    'fact',
    'for',
    `(?:remember|don't forget|do not forget|never forget|keep in mind|bear in mind|(?:can|could|will|would) you (?:please )?(?:remember|keep in mind)|i want you to (?:remember|know)|i need you to (?:remember|know))(?: this)?(?::| that| -|,(?= (?:i|i'm|i've|my|we|our)\\b))? (?!when|how|what|the time|to\\b|if)(?:i|i'm|i've|my|we|we're|our|the|it|this|there|he|she|they|[\\p{L}]+'s?|[\\p{L}]+) `,
    { at: 'sentence', needs: 'making' },
  ),
  rule(
    'fact',
    'for',
    `(?:please )?(?:note|be aware|take note|take into account)(?::|,| that)? (?:i|my|we|our|i'm|i've|we're) `,
    { at: 'sentence' },
  ),
];
