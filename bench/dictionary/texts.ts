/**
 * What the synthetic conversations say. All of it is written for this purpose: common words and turns of phrase of
 * people who chat, of people who ask, and of models that answer. None of it comes from a user or from a data set.
 */

const TALK = `
Hey! How are you doing today?|Hi there, it's great to hear from you!|Good to see you again!|Thanks so much, that means a lot to me.
Wow, that sounds amazing! How did you get started with it?|That's awesome! I'm so happy for you.|I'm really glad that it worked out.
I've been thinking about what you said last time.|It was so much fun, and we had a great time together.|I can't wait to see how it turns out!
What have you been up to lately?|Do you have any plans for the weekend?|What do you usually do to relax after work?
I've been working on a new project, and it's been going really well.|I started a new job last week and I'm still learning a lot.
My family and I went to the beach last month.|We spent the whole day at the park with the kids and the dog.|My sister is getting married next year.
It's always good to spend time with friends and family.|They are so supportive, and I couldn't do it without them.
I love cooking, reading books and going for long walks in nature.|Music has always helped me when things were hard.
Have you ever tried something like that before?|Which one is your favorite, and why?|How long have you been doing this?
That must have been hard for you. I'm here if you want to talk about it.|I know how you feel. Just take it one day at a time.
Don't worry, everything is going to be fine.|You should be really proud of yourself!|Keep it up, and let me know how it goes!
By the way, I took this photo yesterday. Take a look at this!|Here's a picture of what I made.|That looks so beautiful and peaceful.
Sure, I'd love to! When would be a good time for you?|Sounds good! Let's meet there tomorrow evening.|Yeah, definitely, count me in!
Thank you for your support, I really appreciate it.|You're welcome! I'm always happy to help.|Thanks for sharing that with me.
I just wanted to let you know that I've finally finished it.|I was a bit nervous at first, but everyone was very kind.
We're hoping to make a difference in our community.|I think it's important to give something back and help other people.
I've always wanted to travel and see different places around the world.|The food was delicious and the people were friendly.
It reminds me of when I was a child.|It's been a long time since I've done something like this.|There's nothing better than that feeling.
I'm looking for something new to read or watch. Any suggestions?|I'd recommend this one, it's a great story about love and friendship.
Congratulations! That's a big step, and you've worked so hard for this.|What inspired you to do that?|What are you going to do next?
Have a great day, and take care!|Talk to you soon, bye!|See you later!|Good luck with everything!
I had a rough week, but things are getting better now.|It's not easy, but it's worth it in the end.|Sometimes we just need a break.
The team played really well last night and won the game.|I practice every day, and I can see that I'm getting better.
I'm learning how to play the guitar and the piano.|Painting helps me to express my feelings and to find some peace.
What's the best way to get there from here?|Could you tell me more about it?|That's interesting, I didn't know that.
Last night we watched a movie at home and then talked for hours.|I want to make sure that they have everything they need.
`;

const QUESTIONS = `
Can you explain how this works, step by step?|What is the difference between the two, and which one should I use?|Please write a short summary of the following text.
How do I fix this error in my code?|Why does this function return undefined when I call it with an empty list?|Could you translate this into English, please?
Write a Python script that reads a CSV file and prints the sum of each column.|I need a SQL query that counts the orders of each customer per month.
Please rewrite the paragraph so that it is shorter and sounds more professional.|Give me five ideas for a name for a small company.
What should I cook tonight with rice, chicken and vegetables?|Help me plan a trip of three days with a budget of about 500 dollars.
What are the main advantages and disadvantages of this approach?|Is there a better way to do this?|Remember that I prefer short answers.
Write an email to my colleague and ask for the report by Friday.|Summarize our conversation so far and list the open points.
How can I improve the performance of my application?|What does this line do, and what happens if the value is null?
Now do the same for the second part.|Make it shorter.|Can you give me an example?|Continue.|Are you sure about that?|What about the other case?
`;

const ANSWERS = `
Sure! Here is a short summary of the main points:|Of course. Here's an example that shows how it works:|Yes, that is possible, but there are a few things to keep in mind.
The problem is that the variable is not defined at this point, so the function returns before the result is available.
To fix this, you can check whether the value exists before you use it.|In this case, I would recommend using the second option, because it is simpler and easier to maintain.
First, make sure that you have installed the latest version. Then run the following command in your terminal.
There are several ways to do this. The most common one is to create a new file and add the following lines to it.
It depends on what you need. If you want the best performance, choose the first; if you want more flexibility, choose the other.
Here are some suggestions:\\n\\n1. **Start small**: choose one thing and do it well.\\n2. **Be consistent**: a little every day is better than a lot once a week.\\n3. **Ask for help**: other people have had the same problem.
\\n\\n- The first option is faster, but it uses more memory.\\n- The second option is slower, but it works with large files.\\n
For example, the following function returns the number of items in the list:\\n\\n\`\`\`python\\ndef count(items):\\n    return len(items)\\n\`\`\`\\n
\`\`\`ts\\nexport async function load(path: string): Promise<string> {\\n  const response = await fetch(path);\\n  if (!response.ok) throw new Error('The request failed.');\\n  return response.text();\\n}\\n\`\`\`
\`\`\`sql\\nSELECT customer, count(*) AS orders\\nFROM orders\\nWHERE created_at >= '2024-01-01'\\nGROUP BY customer\\nORDER BY orders DESC;\\n\`\`\`
I'm sorry, but I don't have access to that information.|Let me know if you have any questions or if you would like more details.
I hope this helps! If you need anything else, just let me know.|Would you like me to explain this in more detail?
Subject: Report for Friday\\n\\nHello,\\n\\ncould you please send me the report by Friday? Thank you very much.\\n\\nBest regards
The result is 42, which means that the answer to your question is yes.|According to the text, there were more than two hundred people, and most of them came from the city.
This is because the system has to wait until the other process is done, which takes about ten seconds.
`;

const OTHERS = `
Guten Tag, können Sie mir bitte helfen? Ich habe eine Frage zu meiner Bestellung.|Das ist eine gute Idee, vielen Dank für die schnelle Antwort!
Natürlich, hier ist eine kurze Zusammenfassung der wichtigsten Punkte:|Wie kann ich das machen, und was muss ich dabei beachten?
Bonjour, pouvez-vous m'aider avec ce texte, s'il vous plaît ?|Merci beaucoup pour votre réponse, c'est très utile.|Voici un résumé des points les plus importants :
Hola, ¿me puedes ayudar con esto, por favor?|Muchas gracias por la respuesta, está muy bien.|Claro, aquí tienes un resumen de los puntos más importantes:
Olá, você pode me ajudar com isso, por favor? Muito obrigado!|Buongiorno, mi può aiutare con questa domanda? Grazie mille!
`;

const piecesOf = (text: string): string[] =>
  text
    .trim()
    .split(/[\n|]/)
    .map((piece) => piece.replaceAll('\\n', '\n'));

export const TEXTS = {
  talk: piecesOf(TALK),
  questions: piecesOf(QUESTIONS),
  answers: piecesOf(ANSWERS),
  others: piecesOf(OTHERS),
};
