import type { SurveyStore } from '../../session/survey-store.ts';

/** While the survey is made for the first time, it is minutes behind: an answer of what it has so far is better. */
const MOST_WAIT_MS = 1_000;

/** Waits until the survey has everything that is in the log now, but not for long. */
export async function freshened(survey: Pick<SurveyStore, 'refresh'>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, MOST_WAIT_MS);
  try {
    await Promise.race([survey.refresh(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
