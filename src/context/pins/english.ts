import { FACTS } from './english-facts.ts';
import { INSTRUCTIONS } from './english-instructions.ts';
import { ABOUT_ANSWERS, PREFERENCES } from './english-preferences.ts';
import { WITHDRAWALS } from './english-withdrawals.ts';
import { CONDITION, LASTING } from './english-words.ts';
import { type Language, oneOf } from './rule.ts';

const ARTICLE = '(?:a|an|some|the|my|our)';

export const ENGLISH: Language = {
  filler: oneOf(`
    please pls plz kindly also and but so oh ok okay hey hi hello well actually hmm+ um+ uh btw by_the_way
    one_(?:more|last|other|small)_(?:thing|request|note) a_(?:quick|small|general)_(?:note|request|reminder)
    quick_(?:note|thing|reminder) reminder note just then yes yeah yep no nope sure sorry thanks(?:_a_lot)? thank_you thx
    great cool perfect nice again instead now additionally in_addition plus first(?:ly)? second(?:ly)? last(?:ly)? finally
    in_general generally (?:it_)?(?:turns|turned)_out(?:_that)? if_possible if_you_can at_least since because as given(?:_that)? considering(?:_that)? although
    even_though though while seeing_(?:that|as) honestly personally to_be_honest tbh
    for_(?:the_record|future_reference|context|me) i_(?:must|have_to)_say(?:_that)? i'd_say(?:_that)? from_experience
    you_know look listen remember wait on_second_thought my_bad like_i_said as_i_(?:said|mentioned) welcome too moreover
    furthermore otherwise rather before_(?:we|i)_(?:start|begin) when_possible wherever_possible where_possible
    if_you_don't_mind unless_i_say_otherwise`),
  lasting: LASTING,
  condition: CONDITION,
  making: `(?:(?:please |now |then |ok |okay |hi |hey )[, ]*)*(?:(?:can|could|would|will) you (?:please |help me )?|i (?:want|need)(?: you to)? |i'd like (?:you to )?|help me |let's )?(?:to )?${oneOf(`
    write(?!_(?:to_me|in|with|everything|like|as|more|less|short|using|all|always|only|your|briefly|concisely|simply)\\b)
    draft create generate compose design build rewrite rephrase translate summari[sz]e paraphrase proofread implement
    refactor code produce prepare craft come_up_with edit fix continue complete fill_in convert
    (?:make|plan|describe)_${ARTICLE} give_me_(?:a|an|some) tell_(?:me_)?a`)}\\b`,
  rules: [...WITHDRAWALS, ...ABOUT_ANSWERS, ...FACTS, ...INSTRUCTIONS, ...PREFERENCES],
};
