import { rule } from './rule.ts';

const ADVERBS = `(?:(?:really|already|much|generally|usually|strongly|personally|always|still|do|also|definitely|typically|tend to|just|mostly|normally|actually|absolutely|totally|kinda|kind of|sort of|sorta|honestly|particularly|especially|rather|quite|now|\\w+ly) )*`;

/** What follows `like` or `love` where it is no lasting taste: praise of an answer, or a wish of the moment. */
const OF_THE_MOMENT = `(?:to (?:know|hear|see|get|understand|learn|ask|discuss|talk|have|think|start|try|explore|find|make|do|go|be|add|say|dive|take|create|set)|the (?:idea|sound|way|mix|suggestion|plan|look|thought|approach|concept|fact|advice|part|tips?|point)|that|this|these|those|it|them|him|her|you|your|how|what|where|all|some|one|any|a bit|his|their|our|my|and|when|if|for|help|[\\p{L}]+'s)\\b`;

const YOU = '(?:you|your|answers|replies|explanations)';

/** What users like and dislike in answers: tried before instructions, which have some of the same words. */
export const ABOUT_ANSWERS = [
  rule(
    'preference',
    'against',
    `i (?:\\w+ly )?(?:don't|do not|dislike|hate|can't stand|can't bear|detest|don't \\w+ly)(?: (?:like|love|enjoy|appreciate|want))?(?: it)? (?:when|if|that) ${YOU}\\b`,
  ),
  rule(
    'preference',
    'for',
    `i (?:(?:\\w+ly|do|also|quite|much) )*(?:like|love|prefer|appreciate|enjoy|value)(?: it)? (?:when|if|that) ${YOU}\\b(?! (?:explained|said|gave|mentioned|did|told|suggested|included))`,
  ),
  rule(
    'preference',
    'for',
    `(?:i(?:'d| would) (?:prefer|like|love)|i prefer|i want)(?: for)? (?:your )?(?:answers|replies|responses|explanations)\\b`,
    { needs: 'style' },
  ),
  rule(
    'preference',
    'for',
    `it (?:\\w+ly )?(?:annoys|bugs|bothers|confuses|irritates|distracts|frustrates|helps|suits|stresses|overwhelms|makes it (?:easier|harder))(?: me)?(?: \\w+){0,3} (?:when|if) you\\b`,
  ),
];

/** What users like and avoid in general. */
export const PREFERENCES = [
  rule('preference', 'against', `(?:i|we) ${ADVERBS}(?:don't|do not|would not|wouldn't) ${ADVERBS}prefer\\b`),
  rule(
    'preference',
    'for',
    `(?:i|we) ${ADVERBS}(?:prefer|favou?r)\\b(?! (?:it|this|that|these|those|not to say|the (?:first|second|third|last|other))(?: ones?| option)?(?:[.,;!?]|$))`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we)(?:'d| would) ${ADVERBS}(?:prefer|favou?r)\\b(?! (?:it|this|that|these|those|not to say|the (?:first|second|third|last|other))(?: ones?| option)?(?:[.,;!?]|$))`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we)(?:'d| would) (?:much |still )?(?:rather|sooner)\\b(?! (?:not(?: say| talk| discuss|[.,!]|$)|talk|discuss|die|know|hear|see))`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we)(?:'ve| have) (?:always|long|generally|usually) (?:preferred|liked|loved|enjoyed|favou?red|been (?:a fan of|fond of))\\b`,
  ),
  rule(
    'preference',
    'against',
    `(?:i|we)(?:'ve| have) (?:always|long|generally|usually) (?:hated|disliked|avoided)\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we) ${ADVERBS}preferred (?=[^.?!]*\\b(?:over|to|rather than|instead of|than)\\b)`,
  ),
  rule('preference', 'for', `i(?:'m| am)(?: always| still)? going to prefer\\b`),
  rule(
    'preference',
    'for',
    `(?<=\\bi(?:'m|'ve|'d)?\\b[^.]{0,120}\\b(?:and|but) )(?:\\w+ly |still |also |usually )?(?:prefer|favou?r) (?!${OF_THE_MOMENT})[\\p{L}]+`,
  ),
  rule(
    'preference',
    'for',
    `(?:someone|somebody|a person|the type|the kind|the sort)(?: like me)? who (?:\\w+ly |always |really )?(?:prefers?|likes?|loves?|hates?|values?|enjoys?|avoids?|dislikes?)\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we)(?:(?:'d like| would like| want| plan| intend|'m going| prefer) (?:to )?|'ve decided to | have decided to | )(?:stick (?:with|to)|focus on) (?!${OF_THE_MOMENT})`,
  ),
  rule(
    'preference',
    'for',
    `i(?:'d| would) (?:always|usually|still|generally|typically|sooner|any day) (?:take|choose|go (?:for|with)|pick|opt for|use|buy)\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:given the choice|if i (?:can|could|had to|have to|get to) choose|if it(?:'s| is| were| was) up to me|all else (?:being )?equal)[^,]{0,40}, i\\b`,
    { at: 'sentence' },
  ),
  rule(
    'preference',
    'for',
    `i find (?!(?:it|that|this)\\b)[\\p{L} '-]{2,40} (?:relaxing|helpful|useful|calming|enjoyable|easier|motivating|inspiring|soothing|clearer)\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we)(?:'d like| would like| want| need| am interested in|'m interested in| am looking for|'m looking for) [^,;?]{2,80}\\b(?:rather than|instead of|over|and not) [\\p{L}]+`,
  ),
  rule(
    'preference',
    'for',
    `i(?:'m| am) (?:happiest|at my best|most (?:comfortable|productive|relaxed)) (?:when|with|in|on|at)\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:for me|to me|personally), [\\p{L} '-]{2,50} (?:comes? first|matters?|beats?|is (?:more|most|very|really) important|are (?:more|most|very|really) important)\\b`,
    { at: 'sentence' },
  ),
  rule(
    'preference',
    'for',
    `(?!(?:it|that|this|which|what|all|your|you)\\b)[\\p{L}'-]+(?: [\\p{L}'-]+){0,4} (?:(?:is|are) (?:\\w+ly |very |more |most |so )*important (?:to|for) me(?! (?:right )?now)|matters? (?:\\w+ )?(?:\\w+ )?to me|appeals? to me|means? (?:a lot|everything) to me|beats? [\\p{L} ]{2,30} for me)\\b`,
    { at: 'sentence' },
  ),
  rule(
    'preference',
    'against',
    `(?!(?:it|that|this|which|what|he|she|they|you)\\b)[\\p{L}'-]+(?: [\\p{L}'-]+){0,3} (?:confuses? me|(?:don't|doesn't|do not|does not) work (?:well )?for me|annoys? me|distracts? me|overwhelms? me|stress(?:es)? me(?: out)?|puts? me off|drives? me (?:crazy|mad|nuts|up the wall)|(?:is|are) (?:hard|difficult|tiring) for me)\\b`,
  ),
  rule(
    'preference',
    'against',
    `i (?:find (?!(?:it|that|this)\\b)[\\p{L} '-]{2,40} (?:hard|difficult|tiring|confusing|annoying|boring|overwhelming|stressful|exhausting|draining|unpleasant|uncomfortable|irritating)|(?:struggle|have (?:trouble|difficulty|a hard time)) (?:with|reading|following))\\b`,
  ),
  rule(
    'preference',
    'for',
    `i (?:still |do )?have (?:a |an )?(?:[\\p{L}]+ )?(?:preference|liking|weakness|soft spot|fondness|passion) for\\b`,
  ),
  rule(
    'preference',
    'for',
    `my (?:[\\p{L}]+[- ]){0,3}preferences? (?:for|is|are|leans?|would be|towards?|to|of|has always been)\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we) ${ADVERBS}(?:prioriti[sz]e|insist on|strive for|aim for|swear by|rely on) (?!${OF_THE_MOMENT})[\\p{L}]+`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we)(?:'ve| have)? (?:decided (?:to (?:use|go with|switch to|adopt|keep|avoid|stick|rely|only|focus on|prioriti[sz]e)|on|against)|settled on|opted for|standardi[sz]ed on) (?!${OF_THE_MOMENT})[\\p{L}]+`,
  ),
  rule(
    'preference',
    'for',
    `my (?:top |main |highest |number one |biggest )?(?:priority|priorities) (?:is|are)\\b`,
  ),
  rule(
    'preference',
    'for',
    `my (?:all[- ]time |absolute |personal |new )?(?:favou?rite|go-to|preferred|usual) (?<of>(?:[\\p{L}]+ ){0,3})(?:is|are|has always been)\\s(?<value>[^,.;!?]{2,40})`,
    { slot: 'favourite' },
  ),
  rule(
    'preference',
    'for',
    `(?:i|we) ?${ADVERBS}(?:lean|gravitate|am leaning|'m leaning) (?:more )?towards?\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we) ${ADVERBS}(?:like|love|enjoy|adore) (?:having|using|working|reading|learning|getting|doing|cooking|[\\p{L}]+ing)\\b`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we) ${ADVERBS}(?:like|love|enjoy|adore|am into|'m into) (?!${OF_THE_MOMENT})(?:my |the )?[\\p{L}]+`,
  ),
  rule('preference', 'for', `(?:i like|we like|i love) my \\w+ (?!\\w+ed)\\w+`),
  rule(
    'preference',
    'against',
    `(?:i|we) ${ADVERBS}(?:don't|do not|never|dislike|hate|can't stand|cannot stand|can't bear|detest|loathe|despise|avoid|try to avoid|stay away from|steer clear of)(?! to\\b)(?: ${ADVERBS}(?:like|love|enjoy|trust|care for))? (?!${OF_THE_MOMENT})(?<=(?:like|love|enjoy|trust|care for|dislike|hate|stand|bear|detest|loathe|despise|avoid|from|of) )[\\p{L}]+`,
  ),
  rule('preference', 'for', `i(?:'d| would) (?:choose|take|pick|buy|eat) [\\p{L} -]{2,40} over\\b`),
  rule('preference', 'for', `i (?:can't|cannot|couldn't) live without (?!${OF_THE_MOMENT})`),
  rule(
    'preference',
    'against',
    `(?:i|we)(?:'ve| have) never (?:liked|enjoyed|cared for|trusted|been (?:a fan of|fond of|into))\\b`,
  ),
  rule(
    'preference',
    'against',
    `(?:i|we) (?:refuse to|(?:don't|do not) (?:ever )?want to (?:use|buy|invest|eat|fly|drive|rely|depend|support)|(?:want|like|try|aim) to avoid|will never)\\b(?! (?:it|this|that|you|him|her|them)\\b)`,
  ),
  rule(
    'preference',
    'for',
    `(?:i|we) (?:only want|try to (?:buy|eat|use|live|keep|shop|choose|stick|cook|walk|limit)|make (?:it )?a point (?:of|to)|tend to (?:buy|choose|use|go for|eat|work|avoid|pick)|opt for|need (?:quiet|silence|structure|routine|music|company|space) )`,
  ),
  rule(
    'preference',
    'for',
    `i(?:'m| am) an? (?:[\\p{L}-]+ )?(?:[\\p{L}-]+ (?:person|learner|type)|(?:person|learner))\\b`,
  ),
  rule('preference', 'for', `i(?:'m| am) (?:crazy|mad|wild|nuts|enthusiastic) about (?!${OF_THE_MOMENT})`),
  rule(
    'preference',
    'for',
    `i(?:'m| am| feel) (?:a (?:big|huge|great|massive) fan of|(?:really |very |quite )?(?:into|fond of|partial to|drawn to|attracted to|keen on|passionate about)|(?:much |far )?more comfortable (?:with|using)|more of an?|the (?:kind|type|sort) of person (?:who|that)) (?!${OF_THE_MOMENT})`,
  ),
  rule(
    'preference',
    'against',
    `i(?:'m| am) (?:not|never) (?:really |much |that |very |too |particularly |a )*(?:(?:big |huge |great )?fan of|into|fond of|keen on|comfortable with|crazy about) (?!${OF_THE_MOMENT})`,
  ),
  rule(
    'preference',
    'for',
    `i (?:learn|work|study|sleep|focus|think|concentrate|understand things) (?:best|better) (?:with|by|when|from|in|through|if|at|on|after|before)\\b`,
  ),
  rule(
    'preference',
    'for',
    `i ${ADVERBS}(?:value|care (?:a lot |deeply |most |more )?about|believe in) (?!${OF_THE_MOMENT})[\\p{L}]+`,
  ),
  rule(
    'preference',
    'for',
    `i (?:always|usually|generally|normally|typically|only ever|only) (?:use|choose|go for|pick|opt for|buy|drink|order|fly|travel|stay|wear|shop|read|eat|work (?:with|in)) (?!it\\b|this|that)[\\p{L}]+`,
  ),
  rule(
    'preference',
    'against',
    `i (?:never|rarely|seldom|hardly ever) (?:use|choose|buy|drink|order|fly|wear|watch|shop|drive|eat|read|work (?:on|after)) (?!it\\b|this|that)[\\p{L}]+`,
  ),
  rule(
    'preference',
    'for',
    `(?!(?:it|that|this|which|what)\\b)(?:[\\p{L}'-]+ ){1,5}(?:works?|suits?|fits?) (?:me )?(?:best|better)(?: for me)?(?=[,.;!]|$| than)`,
  ),
];
