static void count_in(${name}_context *context, const ${name}_result *result)
{
    int i;
    for (i = 0; i < ${NAME}_CLASSES; i++) {
        context->scores[i] = ${score};
    }
}
