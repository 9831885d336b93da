//! `#[async_test]`, as redis-rs's test suite uses it: the function becomes a test that runs in the suite's own runtime.
//! A function that takes an argument gets a connection to a new server.

use proc_macro::{Delimiter, TokenStream, TokenTree};

/// Makes an asynchronous function a test.
#[proc_macro_attribute]
pub fn async_test(_: TokenStream, function: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = function.into_iter().collect();
    let is = |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident.to_string() == word);
    let keyword = tokens.iter().position(|token| is(token, "fn")).expect("a function");
    let parameters = (keyword..tokens.len())
        .find(|&at| matches!(&tokens[at], TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis))
        .expect("parameters");
    let takes_connection = matches!(&tokens[parameters], TokenTree::Group(group) if !group.stream().is_empty());
    let text = |part: &[TokenTree]| part.iter().cloned().collect::<TokenStream>().to_string();

    let before: Vec<TokenTree> = tokens[..keyword].iter().filter(|token| !is(token, "async")).cloned().collect();
    let name = &tokens[keyword + 1];
    let result = text(&tokens[parameters + 1..tokens.len() - 1]);
    let inner = text(&tokens[keyword..]);
    let call = if takes_connection {
        format!(
            "let context = crate::support::TestContext::new(); \
             {name}(context.async_connection().await.unwrap()).await"
        )
    } else {
        format!("{name}().await")
    };
    format!(
        "#[test] {} fn {name}() {result} {{ \
            async {inner} \
            crate::support::block_on_all(async move {{ {call} }}, crate::support::RuntimeType::Tokio) \
         }}",
        text(&before),
    )
    .parse()
    .expect("a test")
}
