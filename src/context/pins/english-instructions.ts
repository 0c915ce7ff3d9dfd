import { CONDITION, NOT_TOLD, POLITE, STYLED, VERB } from './english-words.ts';
import { oneOf, type Rule, rule } from './rule.ts';

/** How users tell an assistant in English what to do from now on. */

/** An instruction that begins its sentence. */
const told = (polarity: Rule['polarity'], needs: Rule['needs'], pattern: string, slot?: Rule['slot']): Rule =>
  rule('instruction', polarity, pattern, { at: 'sentence', needs, slot });

const ANSWERS = '(?:answers|replies|responses|explanations|messages)';
const ANY_ANSWER = '(?:answer|reply|response|message)';
const KINDLY = '(?:please |kindly |also |really |only |just |try to |start )*';

const NAMES = [
  told(
    'against',
    'nothing',
    `(?:(?:never|(?:don't|do not)(?: ever)?) (?:please )?(?:call|address|refer to)|(?:stop|quit|no more) (?:calling|addressing|referring to)) me (?:as |by )?(?<of>[\\p{L}'"“”]+)`,
    'name',
  ),
  rule(
    'instruction',
    'for',
    `(?:${POLITE} (?:please |just |also |always )*|you (?:can|may)(?: just| also)? |just |always |simply |rather )?(?:call me|address me (?:as|with)|refer to me as)(?: just| simply)? (?!back|when|if|later|crazy|old|on|at|tomorrow|after|a |an |the |in )(?<value>["“']?[\\p{L}][\\p{L}'.-]*)`,
    { slot: 'name' },
  ),
  told('for', 'making', `use ["'“]?(?:they|she|he)\\b.{0,12} (?:for|when) `, 'pronouns'),
];

/** `always`, `never`, and what else says by itself that it lasts. */
const LASTING = [
  told(
    'against',
    'making',
    `(?:never(?:,[^,]{3,40},|, ever)?|don't ever|do not ever|(?:under no circumstances|at no point) (?:should|must|may|can) you)\\s+(?!${NOT_TOLD}\\b)[\\p{L}]+`,
  ),
  told('for', 'making', `always(?:,[^,]{3,40},)?\\s+(?!${NOT_TOLD}\\b)[\\p{L}]+`),
  told('against', 'making', `${POLITE} ${KINDLY}(?:never|not ever) [\\p{L}]+`),
  told('for', 'making', `${POLITE} ${KINDLY}always [\\p{L}]+`),
  told(
    'against',
    'making',
    `(?:make sure|be sure|be careful|take care|remember|try) (?:not to|you (?:don't|never)|to (?:never|avoid))\\b`,
  ),
  told(
    'for',
    'making',
    `(?:make sure|be sure|ensure|make certain|see to it|be careful) (?:that )?(?:to (?!get|catch|bring|buy)|you |your |every |all |any )`,
  ),
  told('for', 'making', `(?:remember|don't forget|do not forget|try) to (?:always )?${VERB}\\b`),
  told(
    'for',
    'making',
    `(?:make it a (?:habit|rule) to|it(?:'s| is) (?:very |really )?important (?:to me )?that you) `,
  ),
  told('for', 'making', `(?:get|come|go|cut) (?:straight |right |directly )?to the (?:point|chase|answer)`),
  told('for', 'making', 'feel free to be '),
];

/** What the assistant should take the user or itself for. */
const ROLES = [
  told(
    'for',
    'making',
    `(?:i want you to |i'd like you to |please )?(?:act|behave|respond|answer|talk|speak) (?:as(?: if you were| though you were)?|like) (?:a|an|my|the)\\b`,
    'persona',
  ),
  told('for', 'making', '(?:treat|think of|see|consider) (?:me|every|all|each|my) (?:\\w+ )?(?:as|like) '),
  told(
    'for',
    'making',
    `(?:talk|speak|explain \\w+)(?: to me)? (?:as if|as though|like) (?:i|i'm|to a|a|an|my|you)\\b`,
  ),
  told(
    'for',
    'making',
    `assume (?:that )?(?:i (?:know|use|have|want|live|work|am|don't)|i'm)\\b|take (?:it )?for granted that i`,
  ),
];

/** Instructions for certain questions. */
const CONDITIONAL = [
  told(
    'for',
    'nothing',
    `${CONDITION}\\b.{0,160}?(?:,|\\bthen\\b|-|–|—|:)\\s*(?:please |then |also |kindly |i(?:'d| would) (?:like|want|prefer) (?:you to|it if you) |i want you to |you (?:should|must|can|need to|have to) |make sure (?:to|you) |be sure to |remember to )*(?:always |never |only |don't |do not |first |just |simply )*(?:${VERB}|i mean|(?:that|it) means|i(?:'m| am) (?:referring|talking))\\b`,
  ),
  told(
    'for',
    'nothing',
    `(?:before|after|in) (?:(?:each|every|all|any|your)(?: of your)? )?(?:answering|replying|responding|you answer|you reply|${ANSWERS}|${ANY_ANSWER})\\b[^,]{0,60}, (?:please |always |first )*${VERB}\\b`,
  ),
  told(
    'for',
    'making',
    `(?:for|in|on|with|during|under|regarding) [^,:]{2,60}[,:] (?:please |kindly )*(?:always|never|only) (?!${NOT_TOLD}\\b)[\\p{L}]+`,
  ),
  told(
    'for',
    'making',
    `(?:for|in|on|with) (?:any(?:thing)?|every(?:thing)?|all|each|questions?|topics?|matters?) (?!honesty|fairness|likelihood|cases?)[^,:]{2,50}[,:] (?:please |always )*${VERB}\\b`,
  ),
  told('for', 'lasting', `${POLITE} ${KINDLY}(?:${STYLED}|${VERB})\\b`),
  told('for', 'lasting', `(?:would|do) you mind ${KINDLY}\\w+ing\\b`),
  told(
    'against',
    'lasting',
    `(?:(?:don't|do not)(?! (?:forget|worry|hesitate|get me wrong|be (?:shy|afraid)|you))|avoid|stop|refrain from)\\s`,
  ),
  told('for', 'lasting', `(?:only |just |simply |first |at least )?${VERB}\\b(?!,)`),
];

/** The shape, language and tone of answers. */
const STYLES = [
  told(
    'against',
    'style',
    `${oneOf("don't do_not avoid stop quit refrain_from no_more no skip leave_out leave_off omit drop cut(?:_out|_down_on)? enough(?:_with|_of)? without less fewer spare_me try_not_to not_so go_easy_on lose ditch hold")}(?=\\s)`,
  ),
  told(
    'for',
    'style',
    `${oneOf("more shorter longer simpler i_want i_need i'd_like nothing at_most max(?:imum)? not_more")}(?=\\s)`,
  ),
  told(
    'against',
    'style',
    `(?:${POLITE}|would you mind|i(?:'d| would) rather you|i(?:'d| would) (?:prefer|like) it if you) ${KINDLY}(?:not|didn't|don't|wouldn't|avoid(?:ed)?|stop(?:ped)?|skip(?:ped)?|leave out|omit)\\b`,
  ),
  told(
    'against',
    'style',
    `i (?:don't|do not|really don't) (?:want|need|care for) (?:you to|any|those|these|all)\\b`,
  ),
  told('against', 'style', `you (?:don't|do not) (?:have|need) to be (?:so|that|too)\\b`),
  told(
    'for',
    'style',
    `${POLITE} ${KINDLY}(?:use|using|answer|keep|be|stick to|speak|talk|reply|respond)\\b`,
  ),
  told(
    'for',
    'style',
    `(?:would|do) you mind ${KINDLY}(?:using|writing|answering|keeping|replying|speaking)\\b`,
  ),
  told(
    'for',
    'style',
    `(?:could|can|shall|may) we (?:please |just |also )*${oneOf('drop skip use speak switch keep stick stay talk be lose continue go_on chat')}\\b`,
  ),
  told(
    'for',
    'style',
    `(?:(?:switch|change|go|revert|return|move)(?: back)? to|back to|let's (?:\\w+ )?(?:switch|go|speak|talk|use|stick|continue|keep|chat)(?: back)?)\\b`,
  ),
  told('for', 'style', `(?:only |just |simply |try to )?${STYLED}\\b`),
  told(
    'for',
    'style',
    `(?:i'd like |i want )?(?:(?:all|any|every) )?(?:prices?|dates?|times?|temperatures?|distances?|amounts?|numbers?|measurements?|weights?|currenc(?:y|ies)|units?|code|examples?|figures|quantities) (?:should|must|need to|have to|in|as|only|with|written|spelled)\\b`,
  ),
  told('for', 'style', `spell out \\w+`),
  told('for', 'style', `[\\p{L}-]+(?: [\\p{L}-]+){0,2} only(?=[,.! ]{0,2}(?:please|pls|thanks)?[.!]*$)`),
  told(
    'for',
    'nothing',
    `(?:only |at most |max(?:imum)? )?(?:one|two|three|four|five|\\d+) [\\p{L} ]{2,30} per ${ANY_ANSWER}`,
  ),
  told(
    'for',
    'nothing',
    `i(?:'d| would) (?:like|love|prefer|appreciate)(?: it)? if (?:your|the) ${ANSWERS}\\b`,
  ),
  told(
    'for',
    'nothing',
    `i (?:want|need|expect|would like|'d like) (?:every|each|all|any|the) (?:${ANY_ANSWER}|${ANSWERS})\\b`,
  ),
  told('for', 'nothing', `i (?:expect|want|need|would like|'d like) (?:all )?(?:your )?${ANSWERS}\\b`),
  told(
    'for',
    'nothing',
    `(?:your|all|all of your|the) ${ANSWERS} (?:should|must|need to|have to|can be|shouldn't|mustn't|are too|ought to|could be)\\b`,
  ),
];

export const INSTRUCTIONS = [...NAMES, ...LASTING, ...ROLES, ...STYLES, ...CONDITIONAL];
