import { surveyedTurn } from '../../../src/session/surveyed-turn.ts';
import { Statements } from '../../../src/stores/sqlite/statements.ts';
import { openSurvey } from '../../../src/stores/sqlite/survey/survey-file.ts';
import { SurveyWriter } from '../../../src/stores/sqlite/survey/survey-writer.ts';
import { Terms } from '../../../src/stores/sqlite/survey/terms.ts';

/** Brings a survey up to date with its log, until it is killed. */
const [path = '', logPath = ''] = process.argv.slice(2);
const db = openSurvey(path, logPath);
const statements = new Statements(db);
const writer = new SurveyWriter(db, statements, new Terms(statements), surveyedTurn);
console.log('open');
while (writer.step());
console.log('done');
